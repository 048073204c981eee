import { join } from 'node:path'
import t from 'tap'
import { alicesPhone } from '../../sim/launcher.ts'
import { createReportedDevices } from '../../src/gateway/app/reported-devices.ts'
import type { StoredDevice } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'

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

t.test(
  'with `requireVendor`, the app registers once a vendor has reported its device for its user',
  async (t) => {
    const app = companyApp(t, 'requireVendor: true')
    const { gateway } = await chatBehindGateway(t, { settings: app.section, policy: appPolicy })
    const phone = phoneOf(gateway, app.packageKey)
    const asked = async (one = phone) => (await one.register()).body
    t.match(await asked(), '"app.vendor-unavailable"')
    const store = await gateway.openStore()
    const udid = '00008110000A1B2C3D4E801E'
    await store.managedDevices.put([reported('F4GTQ1XYZ0AB')])
    t.match(await asked(), '"app.device-unreported"', 'another device')
    await store.managedDevices.put([reported(udid, { management: 'gone' })])
    t.match(await asked(), '"app.device-unreported"', 'one that has left')
    await store.managedDevices.put([{ ...reported(udid), digest: 'y', learntAt: 2 }])
    t.match(await asked(), '"links"')
    const bob = phoneOf(gateway, app.packageKey, { configuration: { ...alicesPhone, username: 'bob' } })
    t.match(await asked(bob), '"app.device-unreported"', 'somebody else’s')
  },
)
