import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DeviceIdentity } from '../../../sim/apple/messages.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'
import { temporaryFolder } from '../../helpers/certificates.ts'
import { chatService } from '../../helpers/chat.ts'
import type { EnrollmentOptions } from '../../helpers/enrollment.ts'
import { eventually } from '../../helpers/eventually.ts'
import { ask, type ClientAnswer, form } from '../../helpers/http-client.ts'
import { askProfiles, day, type RenewalUnderTest, renewalUnderTest, settled } from './support.ts'

const policy = `
registration:
  - { name: Enrolled device, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`

type Gateway = RenewalUnderTest['gateway']

const wifi = `name: wifi
title: Wi-Fi
assign: { everyone: true }
payloads:
  - scep: { id: device }
  - wifi: { ssid: Example, eap: [tls], identity: device, trustedServers: [radius.example.com] }
  - webclip: { label: Help, url: "https://help.example.com/" }
`

async function withChat(t: Test, options: EnrollmentOptions = {}, ahead = 0): Promise<RenewalUnderTest> {
  const { services } = await chatService(t)
  const settings = {
    ...options,
    policy,
    services,
  }
  return renewalUnderTest(t, settings, ahead)
}

function chat(
  { gateway }: { readonly gateway: Gateway },
  { certificate: cert, key }: DeviceIdentity,
  more: object,
): Promise<ClientAnswer> {
  return ask({
    ...{ port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: '127.99.0.1', cert, key },
    ...{ path: '/api/messages', ...more },
  })
}

async function signIn(under: { readonly gateway: Gateway }, identity: DeviceIdentity): Promise<string> {
  const body = 'username=alice&password=wonderland'
  const answer = await chat(under, identity, { path: '/login', method: 'POST', headers: form, body })
  if (answer.status !== 302) throw new Error(`not signed in: ${answer.status} ${answer.body}`)
  return answer.cookies.join('; ')
}

/** By its certificate alone, without any cookie, and as the registration that there was. */
async function isKnown(t: Test, under: RenewalUnderTest, identity: DeviceIdentity): Promise<void> {
  const { registrations } = under.store
  const ids = async () =>
    (await registrations.list({ user: 'alice', limit: 9 })).map((one) => one.registration.id)
  const before = await ids()
  t.equal(before.length, 1)
  await signIn(under, identity)
  t.strictSame(await ids(), before, 'the same registration')
}

t.test(
  'a renewed device gets in with its new certificate, unnoticed, and with the old one no longer',
  async (t) => {
    const under = await withChat(t)
    const { round } = under
    const phone = await under.enrolled()
    const former = phone.identity!
    const cookie = await signIn(under, former)
    const headers = { cookie }
    t.equal((await chat(under, former, { headers })).status, 200)
    await round(300 * day)
    t.equal((await chat(under, former, { headers })).status, 200, 'until it has another one')
    await phone.poll()
    t.equal((await chat(under, phone.identity!, { headers })).status, 200, 'no other sign-in')
    await eventually(async () => (await chat(under, former, { headers })).status === 403)
    t.match(await chat(under, former, { headers }), { body: /certificate\.revoked/ })
    await isKnown(t, under, phone.identity!)
    await phone.checkOut()
    await eventually(async () => (await chat(under, phone.identity ?? former, { headers })).status === 403)
  },
)

t.test(
  'the certificate of a managed profile is renewed with the profile, and what it registered goes on',
  async (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'wifi.yaml'), wifi)
    // Long ago, so that the certificates that are renewed and those that renew them hold today.
    const under = await withChat(t, { enrollment: `profiles: { files: [${folder}] }` }, -300 * day)
    const { store, clock } = under
    const phone = await under.enrolled()
    const { udid } = phone.options
    const scep = 'localhost.mdm.profile.wifi.device'
    const installed = () => phone.profiles.get('localhost.mdm.profile.wifi')!
    const payload = (type: string) =>
      (installed().PayloadContent as readonly PlistDict[]).find(({ PayloadType }) => PayloadType === type)!
    const uuids = () =>
      [installed(), payload('com.apple.security.scep'), payload('com.apple.webClip.managed')].map(
        ({ PayloadUUID }) => PayloadUUID,
      )
    await eventually(async () => {
      await phone.poll()
      return phone.identities.has(scep)
    })
    const former = phone.identities.get(scep)!
    const [before, after] = [uuids(), () => phone.identities.get(scep)!]
    const [first] = (await store.certificates.ofEnrollment(udid)).filter(
      ({ profile }) => profile !== undefined,
    )
    t.match(first, { profile: 'localhost.mdm.profile.wifi', user: 'alice' })
    const cookie = await signIn(under, former)
    const headers = { cookie }

    await askProfiles(under, udid)
    await phone.poll()
    await settled(under, udid)
    t.strictSame(uuids(), before, 'as long as it does not end')

    clock.ahead = 0
    await askProfiles(under, udid)
    await eventually(async () => {
      await phone.poll()
      return after().certificate !== former.certificate
    })
    const now = uuids()
    t.not(now[0], before[0], 'another revision')
    t.not(now[1], before[1], 'a payload that is the same would keep its certificate')
    t.equal(now[2], before[2], 'the others keep their state')
    const wifiPayload = payload('com.apple.wifi.managed')
    t.equal(wifiPayload.PayloadCertificateUUID, now[1], 'who refers to it follows')
    t.match(await store.certificates.bySerial(new X509Certificate(after().certificate).serialNumber), {
      predecessor: first?.serial,
      profile: 'localhost.mdm.profile.wifi',
    })
    t.equal((await chat(under, after(), { headers })).status, 200, 'no other sign-in')
    t.equal((await chat(under, former, { headers })).status, 200, 'it ends by itself')
    await isKnown(t, under, after())

    const installs = () => phone.commands.filter(({ requestType }) => requestType === 'InstallProfile').length
    const count = installs()
    await askProfiles(under, udid)
    await phone.poll()
    await settled(under, udid)
    await phone.poll()
    t.equal(installs(), count, 'once')
    // Whoever has it can say nothing in the device’s name.
    const identity = phone.identity!
    phone.identity = after()
    await t.rejects(phone.authenticate(), /403/)
    phone.identity = identity
  },
)
