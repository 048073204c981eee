import { X509Certificate } from 'node:crypto'
import t from 'tap'
import type { AppleDevice } from '../../../sim/apple-device.ts'
import { fingerprintOf } from '../../../src/enrollment/mdm/identities.ts'
import { day, type RenewalUnderTest, renewalUnderTest } from './support.ts'

function serialOf({ identity }: AppleDevice): string {
  return new X509Certificate(identity?.certificate ?? '').serialNumber
}

async function isPinned({ store }: RenewalUnderTest, { identity, options }: AppleDevice): Promise<boolean> {
  const pinned = (await store.enrollments.get(options.udid))?.certificate
  return pinned === fingerprintOf(new X509Certificate(identity?.certificate ?? ''))
}

t.test('an identity that ends soon is renewed when its device comes, and not before', async (t) => {
  const under = await renewalUnderTest(t)
  const { store, round, enrolled, waiting } = under
  const phone = await enrolled()
  const { udid } = phone.options
  const former = serialOf(phone)
  await round(290 * day)
  t.equal(await waiting(phone), 0, 'a fifth of a year is 73 days')
  await round(293 * day)
  t.equal(await waiting(phone), 1)
  await round(294 * day)
  t.equal(await waiting(phone), 1, 'never two at once')
  const { authenticatedAt } = (await store.enrollments.get(udid)) ?? {}
  const inventory = await store.enrollments.inventory(udid)
  await phone.poll()
  const present = serialOf(phone)
  t.not(present, former)
  t.ok(await isPinned(under, phone))
  t.match(await store.enrollments.get(udid), { state: 'enrolled', pushable: true, authenticatedAt })
  t.strictSame(await store.enrollments.inventory(udid), inventory, 'it has not enrolled anew')
  const issued = await store.certificates.bySerial(present)
  t.match(issued, { predecessor: former, user: 'alice', enrollment: udid })
  t.match(await store.certificates.bySerial(former), { revoked: { reason: 'superseded' } })
  const [command] = (await store.mdmCommands.list({ enrollment: udid, limit: 50 })).filter(
    (one) => one.renewal,
  )
  t.match(command, { state: 'acknowledged', requestType: 'InstallProfile' })
  await round()
  t.equal(await waiting(phone), 0)
  t.equal(await store.renewals.get(udid), undefined)
})
