/**
 * An Apple device, as far as an MDM server can tell: it installs the profiles that it is given, enrolls over the air or
 * directly, has its own keys and certificates by SCEP, checks in, comes when it is pushed to, carries out commands or
 * says NotNow, renews its identity, and checks out. What the server sends it believes only as far as a device does.
 */
import { randomBytes, randomUUID, X509Certificate } from 'node:crypto'
import { readPlist, readPlistDict } from '../src/lib/plist/read.ts'
import type { PlistDict, PlistValue } from '../src/lib/plist/values.ts'
import { writePlist } from '../src/lib/plist/write.ts'
import { type DeviceAnswer, type DeviceNetwork, deviceRequest } from './apple/connection.ts'
import {
  type DeviceIdentity,
  decrypted,
  newKey,
  openSigned,
  scepAnswer,
  scepRequest,
  signedMessage,
} from './apple/messages.ts'
import { payloadsOf as payloads, type Removal, removalRefused } from './apple/profiles.ts'

export interface AppleDeviceOptions extends DeviceNetwork {
  readonly udid: string
  readonly serial: string
  /** Hardware code; an iPhone when not given. */
  readonly product?: string
  readonly name?: string
  readonly supervised?: boolean
  /** The identity that Apple built in: signs phase 2 of an over-the-air enrollment. */
  readonly builtIn: DeviceIdentity
}

/** A request that the server has refused. */
export class ServerRefused extends Error {
  readonly answer: DeviceAnswer

  constructor(answer: DeviceAnswer) {
    super(`the server said ${answer.status}: ${answer.body.toString('utf8').slice(0, 300)}`)
    this.name = 'ServerRefused'
    this.answer = answer
  }
}

export interface Command {
  readonly uuid: string
  readonly requestType: string
  readonly command: PlistDict
}

/** What a device answers: further keys of its report, `not-now`, or an error. */
export type CommandAnswer = PlistDict | 'not-now' | { readonly error: readonly DeviceError[] }

/** One of a chain; the last is the cause. */
export interface DeviceError {
  readonly code: number
  readonly domain: string
  readonly text: string
}

interface Management {
  readonly topic: string
  readonly serverUrl: string
  readonly checkInUrl: string
  readonly signs: boolean
  readonly accessRights: number
  /** The organisation manages a part of it only (user enrollment), and learns neither UDID nor serial number. */
  readonly belongsToUser: boolean
  readonly checksOut: boolean
  readonly profile: string
}

export class AppleDevice {
  readonly options: AppleDeviceOptions
  /** By identifier. */
  readonly profiles = new Map<string, PlistDict>()
  /** Certificates that came with profiles, by the identifier of their payload. */
  readonly identities = new Map<string, DeviceIdentity>()
  /** Every command that it was given, in order. */
  readonly commands: Command[] = []
  readonly pushToken = randomBytes(32)
  readonly pushMagic = randomBytes(16).toString('hex').toUpperCase()
  /** What it is called where it belongs to its user; another one each time it enrolls. */
  enrollmentId = randomUUID().toUpperCase()
  identity: DeviceIdentity | undefined
  management: Management | undefined
  wiped = false
  /** Some systems say that they enroll when they have renewed their identity, others just show it. */
  announcesRenewal = true
  /** Whatever happens while it makes a key, before it asks for its certificate. */
  beforeCertificate: () => Promise<void> = async () => {}
  /** Answers to some commands other than its own. */
  answer: (command: Command) => CommandAnswer | undefined = () => undefined

  constructor(options: AppleDeviceOptions) {
    this.options = options
  }

  /** Opens the downloaded profile, whatever kind it is, and goes on until it is managed. */
  async install(profile: Uint8Array): Promise<void> {
    const { content } = openSigned(profile)
    const read = readPlistDict(content)
    if (read.PayloadType === 'Profile Service') return this.#overTheAir(read)
    await this.#enroll(read)
  }

  /** The message of phase 2, for tests that change it. */
  profileServiceMessage(challenge: string | undefined, signer = this.options.builtIn): Buffer {
    return signedMessage(
      writePlist({ ...this.#attributes(), ...(challenge !== undefined && { CHALLENGE: challenge }) }),
      signer,
    )
  }

  async #overTheAir(payload: PlistDict): Promise<void> {
    const { URL: address, Challenge: challenge } = dictOf(payload.PayloadContent)
    const url = textOf(address)
    const phase2 = await this.#post(url, this.profileServiceMessage(textOf(challenge)))
    const [scep] = payloads(readPlistDict(openSigned(phase2).content))
    const identity = await this.#identityFrom(dictOf(scep))
    const phase3 = await this.#post(url, signedMessage(writePlist(this.#attributes()), identity))
    await this.#enroll(openProfile(phase3, identity))
  }

  #attributes(): PlistDict {
    const { udid, serial, product = 'iPhone15,2', name = 'iPhone' } = this.options
    return { UDID: udid, SERIAL: serial, PRODUCT: product, VERSION: '22B83', DEVICE_NAME: name }
  }

  /**
   * The enrollment profile once more: a new identity, with which the device says that it enrolls, before it reports. Until it has that,
   * nothing changes.
   */
  async #reinstall(profile: PlistDict): Promise<CommandAnswer> {
    const before = this.#enrolled()
    const fixed = ['topic', 'serverUrl', 'checkInUrl', 'accessRights'] as const
    const { identity, management } = mdmIn(profile)
    if (fixed.some((key) => management[key] !== before.management[key]))
      return failed(12_009, 'MCMDMErrorDomain', 'The replacement profile does not match the installed one.')
    try {
      this.identity = await this.#identityFrom(identity)
    } catch (error) {
      return failed(22_013, 'MCSCEPErrorDomain', `No certificate: ${String(error)}`)
    }
    this.management = management
    this.profiles.set(management.profile, profile)
    if (this.announcesRenewal) {
      await this.authenticate()
      await this.tokenUpdate()
    }
    return {}
  }

  async #enroll(profile: PlistDict): Promise<void> {
    const { identity, management } = mdmIn(profile)
    this.identity = await this.#identityFrom(identity)
    this.management = management
    this.profiles.set(this.management.profile, profile)
    await this.authenticate()
    await this.tokenUpdate()
  }

  /** A key, a request with the challenge of the payload, and the certificate that comes back. */
  async #identityFrom(payload: PlistDict): Promise<DeviceIdentity> {
    if (payload.PayloadType !== 'com.apple.security.scep') throw new Error('not a SCEP payload')
    const settings = dictOf(payload.PayloadContent)
    const url = textOf(settings.URL)
    const authority = await this.#authority(url, settings.CAFingerprint)
    const key = newKey(Number(settings.Keysize ?? 1024))
    await this.beforeCertificate()
    const subject = namesIn(settings.Subject)
    const prepared = scepRequest({
      authority,
      key,
      commonName: subject.get('CN') ?? 'device',
      ...(subject.has('O') && { organisation: subject.get('O') ?? '' }),
      challenge: textOf(settings.Challenge ?? ''),
    })
    return { key, certificate: await this.#scep(url, prepared, authority) }
  }

  /** Renews the identity with the old one, as devices do by themselves; no message tells the server. */
  async renewIdentity(): Promise<void> {
    const { identity, management } = this.#enrolled()
    const profile = this.profiles.get(management.profile)
    const scep = payloads(profile ?? {}).find(({ PayloadType }) => PayloadType === 'com.apple.security.scep')
    const settings = dictOf(scep?.PayloadContent)
    const url = textOf(settings.URL)
    const authority = await this.#authority(url, settings.CAFingerprint)
    const key = newKey()
    const subject = namesIn(settings.Subject)
    const prepared = scepRequest({
      authority,
      key,
      commonName: subject.get('CN') ?? 'device',
      renews: identity,
    })
    this.identity = { key, certificate: await this.#scep(url, prepared, authority) }
  }

  async #authority(url: string, fingerprint: PlistValue | undefined): Promise<X509Certificate> {
    const { body, status } = await this.#request(`${url}?operation=GetCACert`, { method: 'GET' })
    if (status !== 200) throw new Error(`GetCACert: ${status}`)
    const authority = new X509Certificate(body)
    const expected = fingerprint instanceof Uint8Array ? Buffer.from(fingerprint).toString('hex') : undefined
    const actual = authority.fingerprint.replaceAll(':', '').toLowerCase()
    if (expected !== undefined && expected !== actual) throw new Error('the CA is not the one of the profile')
    return authority
  }

  async #scep(
    url: string,
    prepared: ReturnType<typeof scepRequest>,
    authority: X509Certificate,
  ): Promise<string> {
    const answer = await this.#request(`${url}?operation=PKIOperation`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-pki-message' },
      body: prepared.message,
    })
    if (answer.status !== 200) throw new ServerRefused(answer)
    return scepAnswer(answer.body, prepared, authority)
  }

  authenticate(): Promise<DeviceAnswer> {
    const { product = 'iPhone15,2', name = 'iPhone', serial } = this.options
    return this.checkIn({
      MessageType: 'Authenticate',
      Topic: this.#enrolled().management.topic,
      OSVersion: '18.1',
      BuildVersion: '22B83',
      ProductName: product,
      ...(!this.#enrolled().management.belongsToUser && { SerialNumber: serial }),
      DeviceName: name,
      Model: 'MQ0G3',
      ModelName: 'iPhone',
    })
  }

  /** @param person whose channel it is: UserID or EnrollmentUserID and names */
  tokenUpdate(person: PlistDict = {}): Promise<DeviceAnswer> {
    return this.checkIn({
      MessageType: 'TokenUpdate',
      Topic: this.#enrolled().management.topic,
      Token: this.pushToken,
      PushMagic: this.pushMagic,
      ...(!this.#enrolled().management.belongsToUser && { UnlockToken: Buffer.from('an unlock token') }),
      AwaitingConfiguration: false,
      ...person,
    })
  }

  /** The user removes the management profile: everything that came by it goes with it. */
  async checkOut(): Promise<void> {
    const { checksOut, topic } = this.#enrolled().management
    if (checksOut) await this.checkIn({ MessageType: 'CheckOut', Topic: topic })
    this.#forget()
  }

  /**
   * The user takes a profile away in the settings.
   * @throws Error when the device does not allow it
   */
  removeProfile(identifier: string, password?: string): void {
    const profile = this.profiles.get(identifier)
    if (profile === undefined) throw new Error(`there is no profile ${identifier}`)
    const removal: Removal = {
      supervised: this.options.supervised === true,
      ...(password !== undefined && { password }),
    }
    const refused = removalRefused(profile, removal)
    if (refused !== undefined) throw new Error(refused)
    this.profiles.delete(identifier)
  }

  async checkIn(message: PlistDict): Promise<DeviceAnswer> {
    const answer = await this.#mdm(
      this.#enrolled().management.checkInUrl,
      'application/x-apple-aspen-mdm-checkin',
      {
        ...message,
        ...this.#name(),
      },
    )
    if (answer.status >= 300) throw new ServerRefused(answer)
    return answer
  }

  /** A push has come, if it is one of ours: the device asks what there is to do until there is nothing more. */
  async push(body: unknown): Promise<void> {
    const { mdm } = body as { readonly mdm?: unknown }
    if (mdm === this.pushMagic && this.management !== undefined) await this.poll()
  }

  async poll(): Promise<void> {
    let report: PlistDict = { Status: 'Idle' }
    while (this.management !== undefined) {
      const answer = await this.report(report)
      if (answer.status === 401 || isUnrecognised(answer)) return this.#forget()
      if (answer.status >= 300) throw new ServerRefused(answer)
      if (answer.body.length === 0) return
      report = await this.#carryOut(readPlistDict(answer.body))
      if (this.wiped) {
        // The last thing that is heard of it, if at all.
        await this.report(report)
        return this.#forget()
      }
    }
  }

  report(report: PlistDict): Promise<DeviceAnswer> {
    return this.#mdm(this.#enrolled().management.serverUrl, 'application/x-apple-aspen-mdm', {
      ...report,
      ...this.#name(),
    })
  }

  /** By what it says who it is. */
  #name(): PlistDict {
    return this.#enrolled().management.belongsToUser
      ? { EnrollmentID: this.enrollmentId }
      : { UDID: this.options.udid }
  }

  async #carryOut(message: PlistDict): Promise<PlistDict> {
    const command = dictOf(message.Command)
    const given = { uuid: textOf(message.CommandUUID), requestType: textOf(command.RequestType), command }
    this.commands.push(given)
    const answer = this.answer(given) ?? (await this.#ownAnswer(given))
    if (answer === 'not-now') return { Status: 'NotNow', CommandUUID: given.uuid }
    if ('error' in answer) {
      const chain = (answer as { readonly error: readonly DeviceError[] }).error.map(
        ({ code, domain, text }) => ({
          ErrorCode: code,
          ErrorDomain: domain,
          LocalizedDescription: text,
          USEnglishDescription: text,
        }),
      )
      return { Status: 'Error', CommandUUID: given.uuid, ErrorChain: chain }
    }
    return { Status: 'Acknowledged', CommandUUID: given.uuid, ...answer }
  }

  async #ownAnswer({ requestType, command }: Command): Promise<CommandAnswer> {
    const { udid, serial, product = 'iPhone15,2', name = 'iPhone' } = this.options
    const { belongsToUser } = this.#enrolled().management
    if (belongsToUser && notForUserEnrollment.includes(requestType))
      return failed(12_021, 'MCMDMErrorDomain', `${requestType} is not valid for this enrollment.`)
    switch (requestType) {
      case 'DeviceInformation':
        return {
          QueryResponses: {
            ...(!belongsToUser && { UDID: udid, SerialNumber: serial }),
            ...{ ProductName: product, DeviceName: name },
            ...{ OSVersion: '18.1', BuildVersion: '22B83', IsSupervised: this.options.supervised === true },
            EASDeviceIdentifier: `EAS${serial}`,
          },
        }
      case 'SecurityInfo':
        return {
          SecurityInfo: {
            HardwareEncryptionCaps: 3,
            PasscodePresent: true,
            PasscodeCompliant: true,
            PasscodeCompliantWithProfiles: true,
          },
        }
      case 'ProfileList':
        return { ProfileList: [...this.profiles.values()].map(summary) }
      case 'CertificateList': {
        const { raw, subject } = new X509Certificate(this.#enrolled().identity.certificate)
        return { CertificateList: [{ CommonName: subject, IsIdentity: true, Data: raw }] }
      }
      case 'InstalledApplicationList':
        return {
          InstalledApplicationList: [{ Identifier: 'com.example.mail', Name: 'Mail', Version: '1.0' }],
        }
      case 'InstallProfile':
        return this.#installProfile(command.Payload)
      case 'RemoveProfile':
        if (this.profiles.delete(textOf(command.Identifier))) return {}
        return failed(12_075, 'MCMDMErrorDomain', 'The profile is not installed.')
      case 'EraseDevice':
        this.wiped = true
        return {}
      case 'DeviceLock':
        return { MessageResult: 'Success' }
      case 'RestartDevice':
      case 'ShutDownDevice':
        return failed(12_021, 'MCMDMErrorDomain', 'Not a valid request type: the device is not supervised.')
      case 'Settings':
        return {
          Settings: dictsIn(command.Settings).map(({ Item }) => ({
            Status: 'Acknowledged',
            Item: Item ?? '',
          })),
        }
      case 'ClearPasscode':
      case 'InstallApplication':
      case 'RemoveApplication':
        return {}
      default:
        return failed(12_021, 'MCMDMErrorDomain', `${requestType} is not a valid request type.`)
    }
  }

  async #installProfile(payload: PlistValue | undefined): Promise<CommandAnswer> {
    if (!(payload instanceof Uint8Array)) return failed(1002, 'MCProfileErrorDomain', 'There is no profile.')
    const { identity } = this.#enrolled()
    const isXml = Buffer.from(payload.subarray(0, 5)).toString('latin1') === '<?xml'
    const profile = isXml ? readPlistDict(payload) : opened(payload, identity)
    if (profile === undefined)
      return failed(1009, 'MCProfileErrorDomain', 'The profile could not be decrypted.')
    if (textOf(profile.PayloadIdentifier) === this.management?.profile) return this.#reinstall(profile)
    for (const one of payloads(profile))
      if (one.PayloadType === 'com.apple.security.scep')
        this.identities.set(textOf(one.PayloadIdentifier), await this.#identityFrom(one))
    this.profiles.set(textOf(profile.PayloadIdentifier), profile)
    return {}
  }

  #mdm(url: string, type: string, message: PlistDict): Promise<DeviceAnswer> {
    const { identity, management } = this.#enrolled()
    const body = writePlist(message)
    const signature = signedMessage(body, identity, { detached: true }).toString('base64')
    return this.#request(url, {
      method: 'PUT',
      headers: {
        'content-type': `${type}; charset=UTF-8`,
        ...(management.signs && { 'mdm-signature': signature }),
      },
      body,
    })
  }

  async #post(url: string, message: Buffer): Promise<Buffer> {
    const answer = await this.#request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/pkcs7-signature' },
      body: message,
    })
    if (answer.status !== 200) throw new ServerRefused(answer)
    return answer.body
  }

  #request(url: string, request: Parameters<typeof deviceRequest>[1]): Promise<DeviceAnswer> {
    return deviceRequest(url, request, this.options)
  }

  #enrolled(): { readonly identity: DeviceIdentity; readonly management: Management } {
    const { identity, management } = this
    if (identity === undefined || management === undefined) throw new Error('this device is not enrolled')
    return { identity, management }
  }

  /** The management profile is gone, and everything that came by it. */
  #forget(): void {
    this.management = undefined
    this.profiles.clear()
    if (this.wiped) this.identity = undefined
  }
}

const notForUserEnrollment = ['EraseDevice', 'ClearPasscode', 'RestartDevice', 'ShutDownDevice']

/** @throws Error for a profile that manages nothing */
function mdmIn(profile: PlistDict): { readonly identity: PlistDict; readonly management: Management } {
  const all = payloads(profile)
  const mdm = all.find(({ PayloadType }) => PayloadType === 'com.apple.mdm')
  if (mdm === undefined) throw new Error('there is no MDM payload in this profile')
  const identity = all.find(({ PayloadUUID }) => PayloadUUID === mdm.IdentityCertificateUUID)
  if (identity === undefined) throw new Error('the MDM payload refers to no identity')
  const management = {
    topic: textOf(mdm.Topic),
    serverUrl: textOf(mdm.ServerURL),
    checkInUrl: textOf(mdm.CheckInURL ?? mdm.ServerURL),
    signs: mdm.SignMessage === true,
    accessRights: Number(mdm.AccessRights ?? 0),
    belongsToUser: mdm.EnrollmentMode === 'BYOD',
    checksOut: mdm.CheckOutWhenRemoved === true,
    profile: textOf(profile.PayloadIdentifier),
  }
  return { identity, management }
}

/** A signed profile, decrypted where it is encrypted to this identity. */
function openProfile(bytes: Uint8Array, identity: DeviceIdentity): PlistDict {
  const profile = readPlistDict(openSigned(bytes).content)
  if (profile.IsEncrypted !== true) return profile
  const sealed = profile.EncryptedPayloadContent
  if (!(sealed instanceof Uint8Array)) throw new Error('an encrypted profile without content')
  const content = readPlist(decrypted(sealed, identity))
  if (!Array.isArray(content)) throw new Error('what is encrypted must be an array')
  return { ...profile, PayloadContent: content as readonly PlistValue[] }
}

/** Undefined: it is encrypted to another identity. */
function opened(bytes: Uint8Array, identity: DeviceIdentity): PlistDict | undefined {
  try {
    return openProfile(bytes, identity)
  } catch {
    return undefined
  }
}

function dictsIn(value: PlistValue | undefined): readonly PlistDict[] {
  return Array.isArray(value) ? (value as readonly PlistDict[]) : []
}

function summary(profile: PlistDict): PlistDict {
  const { PayloadIdentifier = '', PayloadUUID = '', PayloadDisplayName = '' } = profile
  return { PayloadIdentifier, PayloadUUID, PayloadDisplayName, PayloadVersion: 1, IsManaged: true }
}

function failed(code: number, domain: string, text: string): CommandAnswer {
  return { error: [{ code, domain, text }] }
}

function isUnrecognised({ status, body }: DeviceAnswer): boolean {
  return status === 403 && body.includes('com.apple.unrecognized.device')
}

function textOf(value: PlistValue | undefined): string {
  if (typeof value !== 'string') throw new Error('a text is missing')
  return value
}

function dictOf(value: PlistValue | undefined): PlistDict {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('a dictionary is missing')
  return value as PlistDict
}

/** `[[["O","x"]],[["CN","y"]]]` */
function namesIn(subject: PlistValue | undefined): ReadonlyMap<string, string> {
  const pairs = (subject as readonly (readonly (readonly [string, string])[])[] | undefined) ?? []
  return new Map(pairs.flat())
}
