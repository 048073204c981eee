import t from 'tap'
import { deviceRequest } from '../../sim/apple/connection.ts'
import { identityFrom } from '../../sim/apple/identity.ts'
import { openSigned, signedMessage } from '../../sim/apple/messages.ts'
import { dictOf } from '../../sim/apple/plist-values.ts'
import { openProfile, payloadsOf } from '../../sim/apple/profiles.ts'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import type { PlistDict } from '../../src/lib/plist/values.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { type EnrollmentUnderTest, enrollmentUnderTest } from '../helpers/enrollment.ts'

/** Phase 2 as it comes from this phone, and phase 3 as a test wants it. */
async function inPhases({ browser, code, publicUrl, ca }: EnrollmentUnderTest, { options }: AppleDevice) {
  const { PayloadContent } = readPlistDict(openSigned(await browser().profile(await code())).content)
  const { udid: UDID, serial: SERIAL, builtIn } = options
  const send = (keys: PlistDict, signer = builtIn) => {
    const body = signedMessage(writePlist({ UDID, SERIAL, ...keys }), signer)
    return deviceRequest(`${publicUrl}/enroll/profile-service`, { method: 'POST', body }, { ca })
  }
  // As data: some systems send back another type than they were sent.
  const answer = await send({ CHALLENGE: Buffer.from(String(dictOf(PayloadContent).Challenge)) })
  const [scep] = payloadsOf(readPlistDict(openSigned(answer.body).content))
  const network = { ca }
  const identity = await identityFrom(dictOf(scep), { network, beforeCertificate: async () => {} })
  return { identity, phase3: (keys: PlistDict = {}) => send(keys, identity) }
}

t.test('a phone enrolls over the air, from the code to its first command', async (t) => {
  const { browser, code, device, store } = await enrollmentUnderTest(t)
  const profile = await browser().profile(await code('Alice'))
  const phone = await device()
  await phone.install(profile)
  const { udid, serial } = phone.options
  t.match(await store.enrollments.get(udid), {
    state: 'enrolled',
    user: 'alice',
    device: { serial },
    pushable: true,
    accessRights: phone.management?.accessRights,
  })
  await phone.poll()
  const actions = (await store.audit.list({ limit: 50 })).map(({ action }) => action)
  for (const action of ['enrollment.signed-in', 'enrollment.profile-issued', 'certificate.issued'] as const)
    t.ok(actions.includes(action), action)
})

t.test(
  'the identity with which the phone asked for its profile ends when it enrolls with its own',
  async (t) => {
    const { browser, code, device, store } = await enrollmentUnderTest(t)
    const profile = await browser().profile(await code('Alice'))
    const phone = await device()
    await phone.install(profile)
    const { udid } = phone.options
    const [own, first] = await store.certificates.ofEnrollment(udid)
    t.equal(own?.fingerprint, (await store.enrollments.get(udid))?.certificate)
    t.equal(own?.revoked, undefined)
    t.match(first?.revoked, { reason: 'superseded', by: 'enrollment' })
    await phone.poll()
  },
)

t.test('the profile with which a phone is managed can be read by that phone alone', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const { identity, phase3 } = await inPhases(enrollment, await enrollment.device())
  const { body } = await phase3()
  const { IsEncrypted, PayloadContent } = readPlistDict(openSigned(body).content)
  t.strictSame([IsEncrypted, PayloadContent], [true, undefined])
  t.notMatch(body.toString('latin1'), /com\.apple\.(mdm|security)/)
  const challenge = (bytes: Uint8Array) =>
    dictOf(payloadsOf(openProfile(bytes, identity))[1]?.PayloadContent).Challenge
  t.match(challenge(body), /.{20}/)
  t.equal(challenge((await phase3()).body), challenge(body), 'the same one when the answer was lost')
})

t.test(
  'what one phone has begun, no other goes on with, nor one whose certificate was revoked',
  async (t) => {
    const enrollment = await enrollmentUnderTest(t)
    const phone = await enrollment.device()
    const { phase3 } = await inPhases(enrollment, phone)
    for (const other of [{ UDID: 'ANOTHER' }, { SERIAL: 'ANOTHER' }])
      t.match(await phase3(other), { status: 403, body: /is not the one that began/ })
    t.equal((await phase3()).status, 200)
    const [first] = await enrollment.store.certificates.ofEnrollment(phone.options.udid)
    const pass = await enrollment.store.enrollmentPasses.ofChallenge(first?.challenge ?? '')
    t.equal(pass?.finishedBy, first?.fingerprint, 'a sign-in is finished with one identity')
    const by = { name: 'root', why: 'stolen', at: Date.now() }
    await enrollment.store.certificates.revokeEnrollment(phone.options.udid, 'keyCompromise', by)
    t.match(await phase3(), { status: 403, body: /nor by a certificate of ours that may/ })
  },
)

t.test(
  'where Apple’s signature is preferred, a device without one enrolls, and the audit log says so',
  async (t) => {
    const { browser, code, device, store } = await enrollmentUnderTest(t, { deviceSignature: 'prefer' })
    const builtIn = await issueCertificate({
      ...{ commonName: 'by nobody that is known', use: 'client' },
      ...{ notBefore: Date.now() - 1000, days: 1 },
    })
    for (const phone of [await device({ builtIn }), await device()]) {
      await phone.install(await browser().profile(await code()))
      const { udid } = phone.options
      t.equal((await store.enrollments.get(udid))?.state, 'enrolled')
      t.match((await store.audit.list({ subject: 'alice', limit: 50 })).at(-1), {
        details: { way: 'ota', udid, verified: phone.options.builtIn !== builtIn },
      })
    }
  },
)
