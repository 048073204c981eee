import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Command } from '../../sim/apple/commands.ts'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { startCollaboration } from '../../sim/collaboration.ts'
import { codeHash, newCode } from '../../src/enrollment/sign-in/code.ts'
import type { PlistDict } from '../../src/lib/plist/values.ts'
import { temporaryFolder } from './certificates.ts'
import { type EnrollmentUnderTest, enrollmentUnderTest } from './enrollment.ts'
import { eventually } from './eventually.ts'
import { inProcess } from './in-process.ts'

const day = 24 * 60 * 60 * 1000
export const prefix = 'localhost.mdm.profile.'
const policy = `
registration:
  - { name: Enrolled device, when: { evidence: certificate }, then: allow }
access:
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Not known yet, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

export const staff = `name: staff
title: Staff
assign: { groups: [Staff] }
required: true
payloads:
  - exchange: { host: mail.example.com, user: "%user%", email: "%user%@example.com" }
  - certificate: { id: radius-ca, file: ../radius.crt }
  - scep: { id: device }
  - wifi: { ssid: Example Staff, eap: [tls], identity: device, anchors: [radius-ca], trustedServers: [radius.example.com] }
  - passcode: { minLength: 6, maxFailedAttempts: 10 }
  - restrictions: { functions: { camera: false } }
`
export const directory = `name: directory
title: Directory
assign: { everyone: true }
removal: { password: { file: ../removal.txt } }
payloads:
  - ldap: { host: ldap.example.com, password: { file: ../ldap.txt }, search: [{ base: "dc=example,dc=com" }] }
`
export const clip = (label: string) => `name: help
title: Help
assign: { everyone: true }
payloads:
  - webclip: { label: ${label}, url: "https://help.example.com/?user=%user%" }
`

export interface Installation extends EnrollmentUnderTest {
  /** The profile's file as it is from now on; undefined: there is none. */
  write(name: string, text: string | undefined): void
  /** What an administrator types. */
  gatehouse(...args: string[]): Promise<string>
}

export async function installation(
  t: Test,
  profiles: Readonly<Record<string, string>>,
): Promise<Installation> {
  const folder = temporaryFolder(t)
  const places = join(folder, 'profiles')
  mkdirSync(places)
  const write = (name: string, text: string | undefined) => {
    if (text === undefined) rmSync(join(places, name))
    else writeFileSync(join(places, name), text)
  }
  const { certificate } = await issueCertificate({
    ...{ commonName: 'RADIUS CA', use: 'authority', notBefore: Date.now() - day, days: 30 },
  })
  writeFileSync(join(folder, 'radius.crt'), certificate)
  writeFileSync(join(folder, 'ldap.txt'), 'read the directory', { mode: 0o600 })
  writeFileSync(join(folder, 'removal.txt'), 'let me out', { mode: 0o600 })
  for (const [name, text] of Object.entries(profiles)) write(name, text)
  const service = await startCollaboration({ port: 0, host: '127.0.0.1' })
  t.teardown(() => service.close())
  const enrollment = await enrollmentUnderTest(t, {
    policy,
    enrollment: `profiles: { files: [${places}] }`,
    settings: 'compliance: { interval: 200ms, brake: { maxNewlyBlocked: 100% } }\n',
    services: `  - name: chat
    hosts: [chat.localhost]
    upstream: ["${service.url}"]
    client: browser
    signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302, 303], setCookie: session } }`,
  })
  return {
    ...enrollment,
    write,
    async gatehouse(...args) {
      const { code, stdout, stderr } = await inProcess(args, enrollment.gateway.settingsFile)
      if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stdout} ${stderr}`)
      return stdout
    },
  }
}

/** Alice of these groups signs in; with another phone of hers she has enrolled before. */
export async function codeFor({ store }: EnrollmentUnderTest, groups: readonly string[]): Promise<string> {
  const code = newCode()
  const at = Date.now()
  const user = { name: 'alice', groups: [...groups] }
  await store.enrollmentCodes.create(
    { id: `c_${code}`, hash: codeHash(code), user, expiresAt: at + day },
    { name: 'admin', why: 'a new phone', at },
  )
  return code
}

/** A phone that is enrolled and comes whenever it is pushed to. */
export async function enrolled(
  installation: Installation,
  {
    groups = ['staff'],
    supervised = true,
  }: { readonly groups?: readonly string[]; supervised?: boolean } = {},
): Promise<AppleDevice> {
  const { browser, device, apns } = installation
  const phone = await device({ supervised })
  comesWhenPushed(apns, phone)
  await phone.install(await browser().profile(await codeFor(installation, groups)))
  return phone
}

/** One session after the other, as devices do. */
export function comesWhenPushed(apns: EnrollmentUnderTest['apns'], phone: AppleDevice): void {
  let session = Promise.resolve()
  apns.onPush(({ token, body }) => {
    if (token === phone.pushToken.toString('hex'))
      session = session.then(() => phone.push(body)).catch(() => {}) // the server goes away with the test
  })
}

export function managed(phone: AppleDevice): string[] {
  return [...phone.profiles.keys()].filter((name) => name.startsWith(prefix)).sort()
}

/** Until it is there, in whatever revision. */
export function arrived(phone: AppleDevice, name: string): Promise<PlistDict> {
  return eventually(() => phone.profiles.get(`${prefix}${name}`))
}

export function given(phone: AppleDevice, requestType: string): Command[] {
  return phone.commands.filter((command) => command.requestType === requestType)
}

/** An administrator asks the device which profiles it has, as the keeper does by itself now and then. */
export function askProfiles({ gatehouse }: Installation, phone: AppleDevice): Promise<string> {
  return gatehouse('device', 'command', phone.options.udid, 'ProfileList', '--why', 'what does it have?')
}

export function payload(profile: PlistDict, type: string): PlistDict | undefined {
  return (profile.PayloadContent as readonly PlistDict[]).find(({ PayloadType }) => PayloadType === type)
}
