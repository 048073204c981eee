import { join } from 'node:path'
import t from 'tap'
import { CommandFailed } from '../../src/cli/errors.ts'
import { findEnrollment } from '../../src/cli/find-enrollment.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

async function record() {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => 1000 })
  t.teardown(() => store.close())
  const enroll = (id: string, serial: string) =>
    store.enrollments.begin({
      ...{ id, kind: 'device', user: 'anna', ids: { serial }, device: { serial }, topic: 'x', at: 1000 },
      identity: { certificate: `certificate of ${id}`, publicKey: `key of ${id}` },
    })
  return { store, enroll }
}

t.test('a device is found by its id or by its serial number, and none in another’s place', async (t) => {
  const { store, enroll } = await record()
  await enroll('UDID-1', 'F2LX0001')
  t.match(await findEnrollment(store, 'UDID-1'), { id: 'UDID-1' })
  t.match(await findEnrollment(store, 'f2lx0001'), { id: 'UDID-1' })
  t.match(await findEnrollment(store, 'id=UDID-1'), { id: 'UDID-1' })
  await t.rejects(findEnrollment(store, 'id=F2LX0001'), CommandFailed)

  await enroll('F2LX0001', 'F2LX0001')
  await t.rejects(findEnrollment(store, 'F2LX0001'), /give id=F2LX0001, or UDID-1$/, 'it calls itself so')
  t.match(await findEnrollment(store, 'id=F2LX0001'), { id: 'F2LX0001' })
  t.match(await findEnrollment(store, 'UDID-1'), { id: 'UDID-1' })

  const by = { name: 'root', why: 'test', at: 2000 }
  await store.enrollments.end('F2LX0001', 'gone', by)
  t.match(await findEnrollment(store, 'F2LX0001'), { id: 'UDID-1' }, 'one that has gone is in nobody’s way')
})
