import { join } from 'node:path'
import t from 'tap'
import { createReportedDevices } from '../../src/gateway/app/reported-devices.ts'
import type { StoredDevice } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

function reported(udid: string, changes: Partial<StoredDevice['device']> = {}): StoredDevice {
  return {
    device: {
      vendor: 'intune',
      vendorDeviceId: udid,
      ids: { udid },
      user: { upn: 'alice@example.com' },
      platform: 'ios',
      management: 'managed',
      compliance: 'compliant',
      reasons: [],
      ...changes,
    },
    digest: 'x',
    learntAt: 1,
    askAgain: false,
    keys: [{ kind: 'udid', value: udid }],
  }
}

t.test('a device counts when a vendor reports it as managed, under its id and for its user', async (t) => {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: Date.now })
  t.teardown(() => store.close())
  const { knownByVendor } = createReportedDevices(store.managedDevices)
  t.equal(await knownByVendor({ udid: 'A1' }, 'alice'), 'unavailable', 'no vendor has told of any')
  await store.managedDevices.put([reported('A1'), reported('B2', { management: 'gone' })])
  t.equal(await knownByVendor({ udid: 'A1' }, 'alice'), 'known')
  t.equal(await knownByVendor({ udid: 'A1', imei: ['1'] }, 'EXAMPLE\\alice'), 'known')
  t.equal(await knownByVendor({ udid: 'A1' }, 'bob'), 'unknown')
  t.equal(await knownByVendor({ udid: 'B2' }, 'alice'), 'unknown')
  t.equal(await knownByVendor({ serial: 'A1' }, 'alice'), 'unknown')
})
