import t, { type Test } from 'tap'
import { ActiveBypasses } from '../../src/gateway/active-bypasses.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import type { Bypass } from '../../src/store/ports.ts'
import { eventually } from '../helpers/eventually.ts'

const gone = new RecordUnavailable('io', 'gone')
const mail: Bypass = { service: 'mail', until: 60_000, by: { name: 'root', at: 0, why: 'outage' } }

/** A record whose answers the test gives one by one. */
function setUp(t: Test) {
  const asked: { give: (bypasses: readonly Bypass[]) => void; fail: () => void }[] = []
  let ended = 0
  const bypasses = new ActiveBypasses({
    bypasses: { active: () => new Promise((give, reject) => asked.push({ give, fail: () => reject(gone) })) },
    now: () => 0,
    monotonic: () => 0,
    onEnd: () => ended++,
    onError: () => {},
  })
  t.teardown(() => bypasses.close())
  return { bypasses, asked, ended: () => ended }
}

t.test('a bypass that was ended lets nobody through, whichever answer comes first', async (t) => {
  const { bypasses, asked, ended } = setUp(t)
  const first = bypasses.refresh()
  asked[0]?.give([mail])
  await first
  t.equal(bypasses.until('mail'), 60_000)
  const before = bypasses.refresh()
  const after = bypasses.refresh()
  asked[1]?.give([mail])
  await before
  await eventually(() => asked.length === 3)
  asked[2]?.give([])
  await after
  t.equal(bypasses.until('mail'), undefined)
  t.equal(ended(), 1, 'what only it let through is told of')
})

t.test('an end that could not be read is looked for again by itself', async (t) => {
  const { bypasses, asked, ended } = setUp(t)
  const first = bypasses.refresh()
  asked[0]?.give([mail])
  await first
  const failing = bypasses.refresh()
  asked[1]?.fail()
  await t.rejects(failing, gone)
  t.equal(bypasses.until('mail'), 60_000)
  await eventually(() => asked.length === 3)
  asked[2]?.give([])
  await eventually(() => bypasses.until('mail') === undefined)
  t.equal(ended(), 1)
})
