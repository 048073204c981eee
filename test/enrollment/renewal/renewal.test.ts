import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { deviceRequest } from '../../../sim/apple/connection.ts'
import type { AppleDevice } from '../../../sim/apple-device.ts'
import { addOwn } from '../../../src/enrollment/ca/certificate-service.ts'
import { fingerprintOf } from '../../../src/enrollment/mdm/identities.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { eventually } from '../../helpers/eventually.ts'
import { inProcess } from '../../helpers/in-process.ts'
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

t.test('the profile of a renewal is that of the enrollment, but for UUIDs and the challenge', async (t) => {
  const under = await renewalUnderTest(t)
  const { round, browser, code, device } = under
  const phone = await device()
  phone.announcesRenewal = false
  await phone.install(await browser().profile(await code(), '/enroll/direct'))
  const profile = () => JSON.parse(JSON.stringify(phone.profiles.get('localhost.mdm.enrollment')))
  const [before, former] = [profile(), serialOf(phone)]
  await round(300 * day)
  await phone.poll()
  t.not(serialOf(phone), former)
  t.ok(await isPinned(under, phone), 'a device that just shows its new identity')
  const uuids: string[] = []
  const changing = [
    'PayloadUUID',
    'IdentityCertificateUUID',
    'Challenge',
    'IsEncrypted',
    'EncryptedPayloadContent',
  ]
  const same = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, inner) => {
        if (key === 'PayloadUUID') uuids.push(inner)
        return changing.includes(key) ? undefined : inner
      }),
    )
  t.strictSame(same(profile()), same(before))
  t.equal(new Set(uuids).size, uuids.length, 'all its UUIDs are new')
})

t.test(
  'NotNow is asked again, and what the device could not do is tried again with more and more patience',
  async (t) => {
    const under = await renewalUnderTest(t)
    const { store, round, enrolled, waiting, failures, rounds, gateway, clock } = under
    const phone = await enrolled()
    const { udid } = phone.options
    const former = serialOf(phone)
    const hour = day / 24
    clock.ahead = 300 * day
    await round()
    phone.answer = ({ requestType }) => (requestType === 'InstallProfile' ? 'not-now' : undefined)
    await phone.poll()
    clock.ahead += hour
    await round()
    t.equal(await waiting(phone), 1)
    phone.answer = ({ requestType }) =>
      requestType === 'InstallProfile'
        ? { error: [{ code: 22_005, domain: 'MCSCEPErrorDomain', text: 'The network is gone.' }] }
        : undefined
    await phone.poll()
    t.equal(await waiting(phone), 0)
    await round()
    t.match(failures, [{ enrollment: udid, serial: former, error: /The network is gone/, attempts: 1 }])
    t.match(rounds.at(-1), { failing: 1 })
    const { stdout } = await inProcess(['enroll', 'show', udid], gateway.settingsFile)
    t.match(stdout, /renewal +failed: The network is gone/)
    t.match(stdout, /certificate ends/)
    clock.ahead += hour - 60_000
    await round()
    t.equal(await waiting(phone), 0, 'not yet')
    clock.ahead += 120_000
    await round()
    t.equal(await waiting(phone), 1)
    await phone.poll()
    await round()
    t.match(failures.at(-1), { attempts: 2 })
    const audited = await store.audit.list({ subject: udid, limit: 100 })
    t.equal(audited.filter(({ action }) => action === 'enrollment.renewal-failed').length, 1, 'told once')
    phone.answer = () => undefined
    clock.ahead += day
    await round()
    await phone.poll()
    t.not(serialOf(phone), former)
    await round()
    t.match(rounds.at(-1), { failing: 0 })
  },
)

t.test('a device that lay in a drawer gets its renewal first, and nothing when that is over', async (t) => {
  const under = await renewalUnderTest(t)
  const { store, round, enrolled, clock, waiting, failures } = under
  const [phone, late] = [await enrolled(), await enrolled()]
  clock.ahead = 366 * day
  for (const { options } of [phone, late])
    await store.mdmCommands.enqueue(
      {
        ...{ uuid: `lock ${options.udid}`, enrollment: options.udid, requestType: 'DeviceLock' },
        payload: writePlist({ RequestType: 'DeviceLock' }),
      },
      { name: 'admin', why: 'a test', at: Date.now() },
    )
  await late.poll()
  await round()
  const given = phone.commands.length
  await phone.poll()
  t.strictSame(
    phone.commands.slice(given, given + 2).map(({ requestType }) => requestType),
    ['InstallProfile', 'DeviceLock'],
    'the rest as soon as it has a certificate that holds',
  )
  t.ok(await isPinned(under, phone))
  clock.ahead = 366 * day + 90 * day
  await round()
  t.equal(await waiting(late), 1, 'it waits, and its challenge has ended')
  await late.poll()
  t.notOk(late.commands.some(({ requestType }) => requestType === 'DeviceLock'))
  await round()
  t.equal(await waiting(late), 0)
  t.match(failures.at(-1), { enrollment: late.options.udid, error: /enrolled anew/ })
})

t.test(
  'a device that was removed in between gets no renewal, and its challenge no certificate',
  async (t) => {
    const under = await renewalUnderTest(t)
    const { store, round, enrolled } = under
    const [leaves, stays] = [await enrolled(), await enrolled('bob')]
    await round(300 * day)
    const { udid } = leaves.options
    let removed: Promise<unknown> | undefined
    // It has the profile, and asks for its certificate when it is enrolled no more.
    leaves.beforeCertificate = async () => {
      removed = store.enrollments.end(udid, 'leaving', { name: 'admin', why: 'lost', at: Date.now() })
      await removed
    }
    await leaves.poll()
    t.ok(removed)
    t.equal(leaves.management, undefined, 'it was told to go')
    const issued = await store.certificates.ofEnrollment(udid)
    t.ok(issued.every(({ revoked }) => revoked !== undefined))
    t.notOk(
      issued.some(({ predecessor }) => predecessor !== undefined),
      'nothing was issued',
    )
    await round(300 * day)
    t.equal(await store.renewals.get(udid), undefined)
    await stays.poll()
    t.ok(await isPinned(under, stays))
  },
)

t.test(
  'two processes at once make one renewal; one has the lease, and another goes on when it is gone',
  async (t) => {
    const under = await renewalUnderTest(t)
    const { store, round, enrolled, waiting, gateway } = under
    const phone = await enrolled()
    const { udid } = phone.options
    const soon = 300 * day
    await Promise.all([round(soon), round(soon), round(soon)])
    t.equal(await waiting(phone), 1)
    await round(soon)
    t.equal(await waiting(phone), 1)
    const { command = '' } = (await store.renewals.get(udid)) ?? {}
    t.match(await store.mdmCommands.get(command), { state: 'queued' }, 'the record names the one that waits')
    await store.mdmCommands.cancel(command, { name: 'admin', why: 'a test', at: Date.now() })
    await store.renewals.forget(udid)

    t.match(
      (await store.leases.list()).find(({ name }) => name === 'renewals'),
      { name: 'renewals' },
    )
    const other = under.process(soon)
    t.teardown(() => other.close())
    await new Promise((resolve) => setTimeout(resolve, 500))
    t.equal(await waiting(phone), 0, 'the other process has the lease')
    await gateway.stop()
    await eventually(async () => (await waiting(phone)) === 1)
  },
)

t.test('after a rotation of the CA, renewals bring the new one', async (t) => {
  const under = await renewalUnderTest(t)
  const { store, round, enrolled, service, settings, rounds } = under
  const phone = await enrolled()
  const before = service.issuing
  const options = {
    ...{ store, settings: settings.ca, organisation: 'Example Corp', newId: () => 'rotated' },
  }
  const by = { name: 'root', why: 'every few years', at: Date.now() }
  const made = await addOwn(options, { bits: 2048, replaces: before.id, by })
  const end = before.certificate.validToDate.getTime()
  const [identity] = await store.certificates.ofEnrollment(phone.options.udid)
  t.ok((identity?.notAfter ?? 0) <= end)
  await eventually(async () => {
    const { body } = await deviceRequest(`${under.publicUrl}/ca.crt`, { method: 'GET' }, { ca: under.ca })
    return new X509Certificate(body).toString() === new X509Certificate(made?.certificate ?? '').toString()
  })
  await round(300 * day)
  await phone.poll()
  const present = await store.certificates.bySerial(serialOf(phone))
  t.match(present, { authority: made?.id })
  const ca = (phone.profiles.get('localhost.mdm.enrollment')!.PayloadContent as readonly PlistDict[]).find(
    ({ PayloadType }) => PayloadType === 'com.apple.security.root',
  )
  t.strictSame(ca?.PayloadContent, new X509Certificate(made?.certificate ?? '').raw)
  t.match(rounds.at(-1), { pointless: 0 })
})

t.test('a device that nothing can be done for keeps no other from its renewal', async (t) => {
  const { store, round, enrolled, waiting, errors, rounds } = await renewalUnderTest(t)
  const phones = [await enrolled('alice'), await enrolled('bob')]
  const [first, second] = phones.toSorted((a, b) => (a.options.udid < b.options.udid ? -1 : 1))
  if (first === undefined || second === undefined) throw new Error('two phones')
  const broken: Partial<typeof store.enrollments> = {
    get: async (id) => {
      if (id === first.options.udid) throw new Error('this row is broken')
      return store.enrollments.get(id)
    },
  }
  const record = { ...store, enrollments: { ...store.enrollments, ...broken } }
  await round(300 * day, { record })
  t.strictSame([await waiting(first), await waiting(second)], [0, 1])
  t.strictSame(
    [errors, rounds.length],
    [[first.options.udid], 1],
    'it is told, and the round comes to its end',
  )
})
