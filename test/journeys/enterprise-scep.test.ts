import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ServerRefused } from '../../sim/apple/connection.ts'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { certificateRequest, scepRequest, temporaryIdentity } from '../../sim/scep-client.ts'
import type { PlistDict } from '../../src/lib/plist/values.ts'
import { Secret } from '../../src/settings/secret.ts'
import { askProfiles, day, renewalUnderTest, settled } from '../enrollment/renewal/support.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { chatService, internet } from '../helpers/chat.ts'
import { type EnrollmentUnderTest, topic } from '../helpers/enrollment.ts'
import { enterpriseScep } from '../helpers/enterprise-scep.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import { openStream } from '../helpers/open-stream.ts'
import { rsaKey } from '../helpers/scep.ts'

const policy = `
registration:
  - { name: Device certificate, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`

/** Gatehouse before a SCEP server of the enterprise, whose CA the gateway believes (`gateway.tls.clientCa`). */
async function setUp(t: Test, more = '') {
  const folder = temporaryFolder(t)
  const { deviceCa } = await certificates(t)
  const behind = await enterpriseScep(t, deviceCa)
  const [issuer, password] = [join(folder, 'issuer.crt'), join(folder, 'password')]
  writeFileSync(issuer, deviceCa.certificate)
  writeFileSync(password, behind.challenge, { mode: 0o600 })
  const { services } = await chatService(t)
  const enrollment = await renewalUnderTest(t, {
    policy,
    services,
    enrollment: `scep: { attempts: 2, proxy: { url: "${behind.url}", issuers: [${issuer}], challenge: { file: ${password} } } }
${more}`,
  })
  const enrolled = async (user: string, path = '/enroll/profile') => {
    const phone = await enrollment.device()
    await phone.install(await enrollment.browser().profile(await enrollment.code(user), path))
    return phone
  }
  const { settings, round: ownRound } = enrollment
  const challenge = new Secret(behind.challenge, { file: password })
  const access = { issuer: behind.authority, challenge }
  const round = (ahead: number) =>
    ownRound(ahead, {
      settings: { ...settings, topic, behind: access },
      newEnd: async () => undefined,
    })
  return { ...enrollment, behind, enrolled, round }
}

interface Shown {
  readonly certificate: string
  readonly key: string
}

function chat(
  { gateway }: EnrollmentUnderTest,
  { certificate: cert, key }: Shown,
  path: string,
  more: object,
) {
  return ask({
    ...{ port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet, cert, key, path },
    ...more,
  })
}

function signIn(enrollment: EnrollmentUnderTest, shown: Shown) {
  const body = 'username=alice&password=wonderland'
  return chat(enrollment, shown, '/login', { method: 'POST', headers: form, body })
}

t.test(
  'a device with an identity of the enterprise’s SCEP server is managed, over the air and directly',
  async (t) => {
    const { store, enrolled, behind } = await setUp(t)
    for (const [user, path] of [
      ['alice', '/enroll/profile'],
      ['bob', '/enroll/direct'],
    ] as const) {
      const phone = await enrolled(user, path)
      t.match(new X509Certificate(phone.identity!.certificate).issuer, /Device CA|device/i)
      await phone.poll()
      t.match(await store.enrollments.get(phone.options.udid), { state: 'enrolled', user })
      t.ok(phone.commands.length > 0, 'it is asked about itself')
    }
    t.equal(behind.asked.length, 3)
  },
)

t.test('a device that leaves is cut off, though its CA would not hear of it', async (t) => {
  const enrollment = await setUp(t)
  const { store, enrolled, gateway, behind } = enrollment
  const phone = await enrolled('alice')
  const identity = phone.identity!
  const cookie = (await signIn(enrollment, identity)).cookies.join('; ')
  const stream = await openStream(t, {
    ...{ port: gateway.tls, ca: gateway.ca, path: '/api/events', from: internet, cookie },
    ...{ cert: identity.certificate, key: identity.key },
  })
  t.equal(stream.status, 200)
  const management = phone.management!
  await phone.checkOut()
  await stream.ended
  t.equal((await signIn(enrollment, identity)).status, 403, 'it opens nothing')
  t.match((await signIn(enrollment, identity)).body, 'certificate.revoked')
  // The enterprise issues for the same key once more.
  const again = behind.issue('anything', createPrivateKey(identity.key)).toString()
  t.match((await signIn(enrollment, { ...identity, certificate: again })).body, 'certificate.revoked')
  Object.assign(phone, { identity: { ...identity, certificate: again }, management })
  t.equal(await refusalOf(phone.authenticate()), 403, 'nor does it enroll again')
  Object.assign(phone, { identity, management })
  t.equal(await refusalOf(phone.authenticate()), 403, 'told to leave')
  t.match(await store.enrollments.get(phone.options.udid), { state: 'gone' })
})

t.test(
  'an identity that the device has fetched and not shown yet ends together with the others',
  async (t) => {
    const enrollment = await setUp(t)
    const { store, enrolled, behind, browser, code, device } = enrollment
    const phone = await enrolled('alice')
    // A profile that it has got, and that it has not come with.
    const second = await device({ udid: phone.options.udid, serial: phone.options.serial })
    second.authenticate = () => Promise.reject(new Error('the battery is empty'))
    await t.rejects(second.install(await browser().profile(await code('alice'))), /battery/)
    const unshown = second.identity!
    t.equal((await signIn(enrollment, unshown)).status, 302, 'the gateway believes the enterprise')
    await store.enrollments.end(phone.options.udid, 'gone', { name: 'root', why: 'sold', at: Date.now() })
    t.equal((await signIn(enrollment, phone.identity!)).status, 403)
    t.equal((await signIn(enrollment, unshown)).status, 403)
    t.equal(behind.asked.length, 4)
  },
)

t.test('what the enterprise’s CA has issued to others speaks for no enrollment', async (t) => {
  const { store, enrolled, behind } = await setUp(t)
  const phone = await enrolled('alice')
  const own = phone.identity!
  const key = rsaKey()
  const others = {
    key: String(key.export({ type: 'pkcs8', format: 'pem' })),
    certificate: behind.issue(phone.options.udid, key).toString(),
  }
  Object.assign(phone, { identity: others })
  t.equal(await refusalOf(phone.poll()), 403)
  t.equal(await refusalOf(phone.authenticate()), 403)
  Object.assign(phone, { identity: own })
  await phone.poll()
  t.match(await store.enrollments.get(phone.options.udid), { state: 'enrolled' })
})

t.test(
  'the identity of one device does not speak for another, whatever name the enterprise has put in it',
  async (t) => {
    const { enrolled } = await setUp(t)
    const [alice, bob] = [await enrolled('alice'), await enrolled('bob')]
    Object.assign(alice, { identity: bob.identity })
    t.equal(await refusalOf(alice.poll()), 403)
    t.equal(await refusalOf(alice.authenticate()), 403)
  },
)

t.test('nobody gets through to the SCEP server without the one-time address of a profile', async (t) => {
  const { behind, enrolled, publicUrl, ca } = await setUp(t)
  const url = new URL(publicUrl)
  const post = (path: string) => {
    const key = rsaKey()
    const signer = temporaryIdentity(key, Date.now())
    const content = certificateRequest({ key, commonName: 'ceo', challenge: behind.challenge })
    const body = scepRequest({ ca: behind.authority, signer, content, at: Date.now() })
    const target = { port: Number(url.port), host: url.hostname, ca }
    return ask({ ...target, path: `${path}?operation=PKIOperation`, method: 'POST', body })
  }
  const phone = await enrolled('alice')
  const asked = behind.asked.length
  t.equal((await post('/scep')).status, 403, 'none')
  t.equal((await post(`/scep/${'A'.repeat(43)}`)).status, 403, 'a guess')
  t.equal((await post(scepPath(phone))).status, 403, 'one that another key has used')
  t.equal((await post(`/scep/${'B'.repeat(43)}`)).status, 429, 'who guesses has to wait')
  t.equal(behind.asked.length, asked)
})

t.test('a renewal that would hide its new key is not passed on, of whatever kind', async (t) => {
  const { behind, enrolled, publicUrl, ca } = await setUp(t)
  const phone = await enrolled('alice')
  const asked = behind.asked.length
  t.equal(await refusalOf(phone.renewIdentity()), 403)
  const { certificate, key } = phone.identity!
  const signer = { certificate: new X509Certificate(certificate), key: createPrivateKey(key) }
  const content = certificateRequest({ key: rsaKey(), commonName: 'new', challenge: behind.challenge })
  const body = scepRequest({ ca: behind.authority, signer, content, at: Date.now() })
  const { hostname: host, port } = new URL(publicUrl)
  const path = `${scepPath(phone)}?operation=PKIOperation`
  t.equal((await ask({ host, port: Number(port), ca, path, method: 'POST', body })).status, 403)
  t.equal(behind.asked.length, asked)
  await phone.poll()
})

t.test(
  'an identity of that server is renewed by a new profile through the proxy, once, and the old one ends',
  async (t) => {
    const enrollment = await setUp(t)
    const { store, enrolled, behind, round, waiting } = enrollment
    const phone = await enrolled('alice')
    await phone.poll()
    const former = phone.identity!
    t.equal((await signIn(enrollment, former)).status, 302)
    const asked = behind.asked.length
    await round(14 * day)
    t.equal(await waiting(phone), 0, 'of 30 days, half are enough to begin with')
    await round(16 * day)
    t.equal(await waiting(phone), 1)
    await phone.poll()
    const present = phone.identity!
    t.not(present.certificate, former.certificate)
    t.equal(behind.asked.length, asked + 1, 'it came from the server behind')
    const { fingerprint256 } = new X509Certificate(present.certificate)
    const pinned = (await store.enrollments.get(phone.options.udid))?.certificate
    const issued = await store.certificates.byFingerprint(pinned ?? '')
    const shown = new X509Certificate(Buffer.from(issued?.certificate ?? '', 'base64'))
    t.equal(shown.fingerprint256, fingerprint256)
    t.equal((await signIn(enrollment, present)).status, 302, 'it opens the gateway')
    t.match((await signIn(enrollment, former)).body, 'certificate.revoked', 'the old one opens nothing')
    await round(1 * day)
    t.equal(await waiting(phone), 0, 'not again, though less is left of it than `renewBefore`')
    t.equal(await store.renewals.get(phone.options.udid), undefined)
    await phone.poll()
    t.match(await store.enrollments.get(phone.options.udid), { state: 'enrolled', user: 'alice' })
  },
)

const wifi = `name: wifi
title: Wi-Fi
assign: { everyone: true }
payloads:
  - scep: { id: device }
  - wifi: { ssid: Example, eap: [tls], identity: device, trustedServers: [radius.example.com] }
`

t.test(
  'a certificate of a managed profile is renewed through the proxy, once, and what it registered goes on',
  async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'wifi.yaml'), wifi)
    const enrollment = await setUp(t, `profiles: { files: [${folder}] }`)
    const { store, enrolled, behind, clock } = enrollment
    const phone = await enrolled('alice')
    const { udid } = phone.options
    const identity = () => phone.identities.get('localhost.mdm.profile.wifi.device')
    const look = async () => {
      await askProfiles(enrollment, udid)
      await phone.poll()
      await settled(enrollment, udid)
      await phone.poll()
    }
    await eventually(async () => {
      await phone.poll()
      return identity() !== undefined
    })
    await settled(enrollment, udid)
    const former = identity()!
    t.equal((await signIn(enrollment, former)).status, 302)
    const asked = behind.asked.length
    clock.ahead = 14 * day
    await look()
    t.equal(identity()!.certificate, former.certificate, 'of 30 days, half are enough to begin with')

    clock.ahead = 16 * day
    await askProfiles(enrollment, udid)
    await eventually(async () => {
      await phone.poll()
      return identity()!.certificate !== former.certificate
    })
    const present = identity()!
    t.match(new X509Certificate(present.certificate).issuer, /Device CA|device/i)
    t.equal((await signIn(enrollment, present)).status, 302)
    const registered = await store.registrations.list({ user: 'alice', limit: 9 })
    t.equal(registered.length, 1, 'the same registration')

    await settled(enrollment, udid)
    await look()
    await look()
    t.equal(identity()!.certificate, present.certificate, 'once')
    t.equal(behind.asked.length, asked + 1)
    await phone.checkOut()
    for (const one of [former, present])
      t.match((await signIn(enrollment, one)).body, 'certificate.revoked', 'both end with the enrollment')
  },
)

async function refusalOf(request: Promise<unknown>): Promise<number | undefined> {
  const error: unknown = await request.then(() => undefined).catch((error: unknown) => error)
  return error instanceof ServerRefused ? error.answer.status : undefined
}

/** Where the profile of this device has it ask for its certificate. */
function scepPath({ profiles, management }: AppleDevice): string {
  const content = profiles.get(management!.profile)!.PayloadContent as readonly PlistDict[]
  const scep = content.find(({ PayloadType }) => PayloadType === 'com.apple.security.scep')
  return new URL(String((scep!.PayloadContent as PlistDict).URL)).pathname
}
