/**
 * An Apple device, as far as an MDM server can tell: it installs the profiles that it is given, enrolls over the air or
 * directly, has its own keys and certificates by SCEP, checks in, comes when it is pushed to, carries out commands or
 * says NotNow, renews its identity, and checks out. What the server sends it believes only as far as a device does.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { readPlistDict } from '../src/lib/plist/read.ts'
import type { PlistDict, PlistValue } from '../src/lib/plist/values.ts'
import { writePlist } from '../src/lib/plist/write.ts'
import {
  type AboutDevice,
  answerTo,
  type Command,
  type CommandAnswer,
  type DeviceError,
  failed,
  refusedByEnrollment,
} from './apple/commands.ts'
import { type DeviceAnswer, type DeviceNetwork, deviceRequest, ServerRefused } from './apple/connection.ts'
import { identityFrom, renewedIdentity } from './apple/identity.ts'
import { type Management, mdmIn } from './apple/management.ts'
import { type DeviceIdentity, openSigned, signedMessage } from './apple/messages.ts'
import { dictOf, textOf } from './apple/plist-values.ts'
import {
  opened,
  openProfile,
  payloadsOf as payloads,
  type Removal,
  removalRefused,
} from './apple/profiles.ts'

export interface AppleDeviceOptions extends DeviceNetwork, AboutDevice {
  /** The identity that Apple built in: signs phase 2 of an over-the-air enrollment. */
  readonly builtIn: DeviceIdentity
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
  /** Told of each command that was carried out, with what the device reports. */
  onCarriedOut: (command: Command, report: PlistDict) => void = () => {}

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

  #identityFrom(payload: PlistDict): Promise<DeviceIdentity> {
    const { beforeCertificate } = this
    return identityFrom(payload, { network: this.options, beforeCertificate })
  }

  async #enroll(profile: PlistDict): Promise<void> {
    const { identity, management } = mdmIn(profile)
    this.identity = await this.#identityFrom(identity)
    this.management = management
    this.profiles.set(this.management.profile, profile)
    await this.authenticate()
    await this.tokenUpdate()
  }

  /** By itself, with the old one; no message tells the server. */
  async renewIdentity(): Promise<void> {
    const { identity, management } = this.#enrolled()
    const profile = this.profiles.get(management.profile)
    const scep = payloads(profile ?? {}).find(({ PayloadType }) => PayloadType === 'com.apple.security.scep')
    this.identity = await renewedIdentity(scep, identity, this.options)
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
    const report = reportOf(given, this.answer(given) ?? (await this.#ownAnswer(given)))
    this.onCarriedOut(given, report)
    return report
  }

  async #ownAnswer(given: Command): Promise<CommandAnswer> {
    const { identity, management } = this.#enrolled()
    const { requestType, command } = given
    const refused = refusedByEnrollment(given, management)
    if (refused !== undefined) return refused
    switch (requestType) {
      case 'InstallProfile':
        return this.#installProfile(command.Payload)
      case 'RemoveProfile':
        if (this.profiles.delete(textOf(command.Identifier))) return {}
        return failed(12_075, 'MCMDMErrorDomain', 'The profile is not installed.')
      case 'EraseDevice':
        this.wiped = true
        return {}
      default:
        return answerTo(given, { about: this.options, management, identity, profiles: this.profiles })
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

function isUnrecognised({ status, body }: DeviceAnswer): boolean {
  return status === 403 && body.includes('com.apple.unrecognized.device')
}

/** What the device tells of a command. */
function reportOf(given: Command, answer: CommandAnswer): PlistDict {
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
