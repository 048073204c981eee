import { createPrivateKey, X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { decrypted, openSigned } from '../../../sim/apple/messages.ts'
import { issueCertificate } from '../../../sim/certificates.ts'
import type { Enrollment } from '../../../src/domain/enrollment.ts'
import type { IssuedCertificate, ScepChallenge } from '../../../src/domain/issued-certificate.ts'
import { signData } from '../../../src/enrollment/cms/sign-data.ts'
import { ProfileDelivery } from '../../../src/enrollment/profile-delivery.ts'
import { renewalCommand } from '../../../src/enrollment/renewal/command.ts'
import { sha256 } from '../../../src/lib/hash.ts'
import { readPlist, readPlistDict } from '../../../src/lib/plist/read.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'

const at = Date.now()
const day = 24 * 60 * 60 * 1000

/** What a device of this enrollment finds in the command. */
async function renewed(t: Test, enrollment: Partial<Enrollment>, identity: Partial<IssuedCertificate> = {}) {
  const device = await issueCertificate({
    ...{ commonName: 'enrollment-p_1', use: 'authority', notBefore: at - day, days: 30 },
  })
  const certificate = new X509Certificate(device.certificate)
  const key = createPrivateKey(device.key)
  const challenges: Omit<ScepChallenge, 'usedBy'>[] = []
  const add = async (challenge: Omit<ScepChallenge, 'usedBy'>) => {
    challenges.push(challenge)
  }
  const command = await renewalCommand(
    {
      // The parts of them that count here.
      enrollment: {
        id: 'E-1',
        kind: 'device',
        user: 'alice',
        topic: 'com.apple.mgmt.of.then',
        ...enrollment,
      } as Enrollment,
      identity: {
        ...{ serial: 'A1', enrollment: 'enrollment-p_1', user: 'alice' },
        certificate: certificate.raw.toString('base64'),
        ...identity,
      } as IssuedCertificate,
      ...{ at, expiresAt: at + day },
    },
    {
      settings: {
        ...{
          publicUrl: 'https://mdm.example.com',
          organisation: 'Example Corp',
          identifier: 'com.example.mdm',
        },
        ...{ topic: 'com.apple.mgmt.of.now', accessRights: ['erase', 'device-information'] },
        accountDriven: { managedAppleId: '{user}@appleid.example.com' },
      },
      record: { scepChallenges: { add, find: async () => undefined } },
      delivery: new ProfileDelivery({
        authority: async () => certificate,
        signProfile: async (content) =>
          signData({ content, signer: { certificate, key }, chain: [], signingTime: at }),
      }),
      secret: () => 'a secret',
    },
  )
  const { RequestType, Payload } = readPlistDict(command)
  t.equal(RequestType, 'InstallProfile')
  const profile = readPlistDict(openSigned(Payload as Uint8Array).content)
  t.equal(profile.PayloadContent, undefined, 'only the device can read it')
  const payloads = readPlist(decrypted(profile.EncryptedPayloadContent as Uint8Array, device)) as PlistDict[]
  const of = (type: string) => payloads.find(({ PayloadType }) => PayloadType === type)
  return { profile, mdm: of('com.apple.mdm'), scep: of('com.apple.security.scep'), challenge: challenges[0] }
}

t.test('a challenge is good for the holder of the identity alone', async (t) => {
  const { profile, scep, challenge } = await renewed(t, {})
  t.equal(profile.PayloadIdentifier, 'com.example.mdm.enrollment')
  t.match(scep?.PayloadContent, {
    Challenge: 'a secret',
    Subject: [[['O', 'Example Corp']], [['CN', 'enrollment-p_1']]],
  })
  t.strictSame(challenge, {
    ...{ hash: sha256('a secret'), enrollment: 'enrollment-p_1', user: 'alice', renews: 'A1' },
    ...{ createdAt: at, expiresAt: at + day },
  })
})

t.test(
  'topic and rights are those with which the device enrolled, whatever the settings say by now',
  async (t) => {
    const { mdm } = await renewed(t, { accessRights: 4 + 8 })
    t.match(mdm, { Topic: 'com.apple.mgmt.of.then', AccessRights: 12 })
    t.notOk(mdm !== undefined && 'EnrollmentMode' in mdm)
    t.match(
      (await renewed(t, {})).mdm,
      { AccessRights: 8 + 16 },
      'those of the settings, where it is not known',
    )
  },
)

t.test('an account-driven enrollment keeps its mode and its account', async (t) => {
  const account = { managedAppleId: 'alice.then@example.com' }
  const organisation = await renewed(t, {}, account)
  t.match(organisation.mdm, { EnrollmentMode: 'ADDE', AssignedManagedAppleID: account.managedAppleId })
  t.match(organisation.challenge, account, 'for the renewal after this one')
  const own = await renewed(t, { kind: 'user-enrollment' }, account)
  t.match(own.mdm, { EnrollmentMode: 'BYOD', AssignedManagedAppleID: account.managedAppleId })
  t.notOk(own.mdm !== undefined && 'AccessRights' in own.mdm, 'the system fixes them')
  const older = await renewed(t, { kind: 'user-enrollment', user: 'alice@example.com' })
  t.match(older.mdm, { AssignedManagedAppleID: 'alice@appleid.example.com' })
})
