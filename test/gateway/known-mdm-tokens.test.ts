import t from 'tap'
import { KnownMdmTokens } from '../../src/gateway/known-mdm-tokens.ts'
import { MdmTokenUses } from '../../src/gateway/mdm-token-uses.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import type { MdmTokenUse, StoredMdmToken } from '../../src/store/ports.ts'
import { eventually } from '../helpers/eventually.ts'

const start = 1_760_000_000_000
const gone = new RecordUnavailable('io', 'gone')

function stored(id: string, changes: Partial<StoredMdmToken> = {}): StoredMdmToken {
  const shared = { origin: 'typed', createdAt: start, createdBy: 'root', uses: 0, registrations: 0 } as const
  return { id, hash: `hash-of-token-${id}`, ...shared, ...changes }
}

/** A record whose answers the test gives one by one. */
function record() {
  const asked: { give: (tokens: readonly StoredMdmToken[]) => void; fail: () => void }[] = []
  const clock = { now: start }
  const known = new KnownMdmTokens({
    tokens: {
      list: () => new Promise((give, reject) => asked.push({ give, fail: () => reject(gone) })),
    },
    hash: (token) => `hash-of-${token}`,
    monotonic: () => clock.now,
    staleFor: () => 60_000,
    onError: () => {},
  })
  return { known, asked, clock }
}

t.test('a token that was revoked speaks for nobody from the notice on', async (t) => {
  const { known, asked } = record()
  t.teardown(() => known.close())
  const first = known.refresh()
  asked[0]?.give([stored('t_1')])
  await first
  t.equal(known.ready(), undefined)
  t.strictSame(await known.verify('token-t_1', start), { id: 't_1' })
  known.changed()
  const waits = known.verify('token-t_1', start)
  asked[1]?.give([stored('t_1', { revoked: { at: start, by: 'root', why: 'lost' } })])
  t.equal(await waits, undefined)
  t.equal(known.standing('t_1', start), 'inactive')
  t.equal(known.standing('t_2', start), 'unknown')
})

t.test('a change that comes while the record is read is read after it', async (t) => {
  const { known, asked } = record()
  t.teardown(() => known.close())
  known.changed()
  known.changed()
  known.changed()
  const waits = known.verify('token-t_1', start)
  asked[0]?.give([stored('t_1')])
  await eventually(() => asked.length === 2)
  asked[1]?.give([])
  t.equal(await waits, undefined, 'the older answer is not the last word')
  t.equal(asked.length, 2, 'all changes meanwhile are one reading')
})

t.test(
  'while the record cannot be read, what is known counts for a while, and then nobody is let in on a token',
  async (t) => {
    const { known, asked, clock } = record()
    t.teardown(() => known.close())
    const first = known.refresh()
    asked[0]?.give([stored('t_1', { expiresAt: start + 30_000 }), stored('t_2')])
    await first
    known.changed()
    asked[1]?.fail()
    t.strictSame(await known.verify('token-t_2', clock.now), { id: 't_2' })
    clock.now += 60_000
    t.equal(await known.verify('token-t_1', clock.now), undefined, 'it still ends at its time')
    t.strictSame(await known.verify('token-t_2', clock.now), { id: 't_2' })
    clock.now += 1
    await t.rejects(known.verify('token-t_2', clock.now), { name: 'RecordUnavailable' })
    await eventually(() => asked.length === 3)
    asked[2]?.give([stored('t_2')])
    t.strictSame(await known.verify('token-t_2', clock.now), { id: 't_2' }, 'it looks again by itself')
  },
)

t.test('uses are written together, and none is lost when the record does not take them', async (t) => {
  const written: (readonly MdmTokenUse[])[] = []
  const clock = { now: start }
  let failing = true
  const uses = new MdmTokenUses({
    tokens: {
      async used(some) {
        if (failing) throw gone
        written.push(some)
      },
    },
    now: () => clock.now,
    onError: () => {},
  })
  for (let i = 0; i < 3; i++) uses.use('t_1')
  await uses.flush()
  clock.now += 5
  uses.use('t_1')
  uses.use('t_2')
  failing = false
  await uses.close()
  t.strictSame(written, [
    [
      { id: 't_1', uses: 4, lastUsedAt: start + 5 },
      { id: 't_2', uses: 1, lastUsedAt: start + 5 },
    ],
  ])
  await uses.close()
  t.equal(written.length, 1, 'nothing is written twice')
})
