import { isPlistDict, type PlistDict } from '../../lib/plist/values.ts'
import { writePlist } from '../../lib/plist/write.ts'
import { mask } from '../../settings/secret.ts'
import type { BehindAccess } from '../scep/access.ts'
import { profilePrefix, revisionUuid, stableUuid } from './identifiers.ts'
import {
  type DeviceIdentitySource,
  type PayloadDefinition,
  type ProfileSystem,
  userEnrollmentOf,
  type Writing,
  writeFields,
} from './payloads/payload.ts'
import type { LoadedPayload, Profile } from './profile.ts'
import { expand, type VariableName, type VariableValues, variablesIn } from './variables.ts'

export interface Organisation {
  /** As users see it. */
  readonly name: string
  /** The beginning of all identifiers, such as `com.example.mdm`. */
  readonly identifier: string
  /** Where devices ask us for certificates. */
  readonly scepUrl: string
  /** A SCEP server behind issues; undefined: our own. */
  readonly behind?: BehindAccess
  /** Of this installation; what the UUIDs of revisions are made with. */
  readonly revisionKey: Uint8Array
}

/** A profile with all that is the same for everybody worked out. */
export interface ProfileTemplate {
  readonly profile: Profile
  readonly identifier: string
  /** The variables in it. */
  readonly variables: readonly VariableName[]
  /** Its devices get a certificate of ours with it. */
  readonly issues: boolean
  /** Ids of the payloads that bring it. */
  readonly issuing: ReadonlySet<string>
  /** HMAC of everything in it that is the same for everybody, in hexadecimal. */
  readonly digest: string
  /** The revision where no variable makes it another for each device. */
  readonly revisions: { readonly managed: string; readonly userEnrollment: string } | undefined
  readonly organisation: Organisation
}

/** What is different for each device. */
export interface Recipient {
  readonly values: VariableValues
  /** Its system, if it is a user enrollment: some payloads and keys do not exist there. */
  readonly userEnrollment: ProfileSystem | undefined
  /** Serial of the device’s certificate that this one’s takes the place of (`generation.ts`); undefined: of none. */
  readonly renews?: string
}

export function templateOf(profile: Profile, organisation: Organisation): ProfileTemplate {
  const identifier = `${profilePrefix(organisation.identifier)}${profile.name}`
  const variables = new Set<VariableName>()
  const source = placeholder(organisation)
  const issuing = new Set<string>()
  let current = ''
  const writing: Writing = {
    ...plainWriting(identifier),
    text(text) {
      for (const name of variablesIn(text)) variables.add(name)
      return text
    },
    get identity() {
      issuing.add(current)
      return source
    },
  }
  const content = profile.payloads.map((payload) => {
    current = payload.id
    return writePayload(payload, identifier, writing)
  })
  const issues = issuing.size > 0
  const { title, description, encrypted, removal } = profile
  const { revisionKey, name } = organisation
  const password = removal.kind === 'password' ? removal.password.reveal() : ''
  const same = JSON.stringify([name, title, description, encrypted, removal.kind, password])
  const digest = revisionUuid(revisionKey, identifier, same, writePlist(content))
  const template = { profile, identifier, variables: [...variables], issues, issuing, digest, organisation }
  const revision = (userEnrollment?: ProfileSystem) =>
    computeRevision(template, { values: {}, userEnrollment })
  const revisions = variables.size > 0 ? undefined : { managed: revision(), userEnrollment: revision('ios') }
  return { ...template, revisions }
}

/** @throws MissingVariable */
export function revisionFor(template: ProfileTemplate, recipient: Recipient): string {
  const { revisions } = template
  if (revisions === undefined || recipient.renews !== undefined) return computeRevision(template, recipient)
  return recipient.userEnrollment === undefined ? revisions.managed : revisions.userEnrollment
}

function computeRevision(
  template: Omit<ProfileTemplate, 'revisions'>,
  { values, userEnrollment, renews }: Recipient,
): string {
  const { variables, digest, organisation } = template
  const own = variables.map((name) => expand(`%${name}%`, values))
  return revisionUuid(
    organisation.revisionKey,
    template.identifier,
    digest,
    JSON.stringify([own, userEnrollment !== undefined, ...(renews === undefined ? [] : [renews])]),
  )
}

export interface BuildOptions {
  /** Where the device gets its certificate; needed when the template `issues`. */
  readonly identity?: DeviceIdentitySource
  /** Secrets are shown as `***`. */
  readonly masked?: boolean
}

export interface BuiltProfile {
  readonly identifier: string
  readonly uuid: string
  /** Everything but its payloads. */
  readonly frame: PlistDict
  readonly payloads: readonly PlistDict[]
}

/** @throws MissingVariable, NotForUserEnrollment */
export function buildProfile(
  template: ProfileTemplate,
  recipient: Recipient,
  { identity = placeholder(template.organisation), masked = false }: BuildOptions = {},
): BuiltProfile {
  const { profile, identifier, organisation, issuing } = template
  const { renews, userEnrollment } = recipient
  refuseForbidden(profile, recipient)
  const uuid = revisionFor(template, recipient)
  const plain = plainWriting(identifier)
  const writing: Writing = {
    ...plain,
    // Another certificate: a payload that is the same would keep the one that it has. The others keep their state.
    uuidOf: (id) => plain.uuidOf(renews !== undefined && issuing.has(id) ? `${id}.${renews}` : id),
    identity: masked ? { ...identity, challenge: mask } : identity,
    text: (text, style) => expand(text, recipient.values, style),
    ...(masked && { secret: () => mask, secretData: () => Buffer.from(mask) }),
  }
  const payloads = profile.payloads.map((payload) =>
    withoutForbidden(writePayload(payload, identifier, writing), payload.definition, userEnrollment),
  )
  const { removal, title, description } = profile
  const withPassword = removal.kind === 'password' && userEnrollment === undefined
  if (withPassword) payloads.push(removalPassword(identifier, writing.secret(removal.password)))
  return {
    identifier,
    uuid,
    payloads,
    frame: {
      PayloadType: 'Configuration',
      PayloadVersion: 1,
      PayloadIdentifier: identifier,
      PayloadUUID: uuid,
      PayloadDisplayName: title,
      ...(description !== undefined && { PayloadDescription: description }),
      PayloadOrganization: organisation.name,
      ...(removal.kind === 'locked' && userEnrollment === undefined && { PayloadRemovalDisallowed: true }),
      ...(withPassword && { HasRemovalPasscode: true }),
    },
  }
}

/** Bytes of its payloads, with variables as they are. */
export function sizeOfProfile({ name, payloads }: Profile): number {
  const identity = { url: '', caName: '', subject: [], challenge: '' }
  const writing: Writing = { ...plainWriting(name), text: (text) => text, identity }
  return writePlist(payloads.map((payload) => writePayload(payload, name, writing))).length
}

/** A device refuses a profile with a payload that its kind of enrollment does not have. */
export class NotForUserEnrollment extends Error {
  constructor(kind: string) {
    super(`${kind} cannot be set up on a device that belongs to its user (user enrollment)`)
    this.name = 'NotForUserEnrollment'
  }
}

/** The device was not asked to be set up when it enrolled, and never grants what it was not asked for. */
export class ProfilesNotGranted extends Error {
  constructor() {
    super(
      'the device was not asked for the access right install-profiles when it enrolled: it has to enroll again',
    )
    this.name = 'ProfilesNotGranted'
  }
}

function refuseForbidden({ payloads }: Profile, { userEnrollment }: Recipient): void {
  if (userEnrollment === undefined) return
  const forbidden = payloads.find(
    ({ definition }) => userEnrollmentOf(definition, userEnrollment) === 'forbidden',
  )
  if (forbidden !== undefined) throw new NotForUserEnrollment(forbidden.definition.title)
}

/** One such key, and the device may refuse them all. */
function withoutForbidden(
  content: PlistDict,
  definition: PayloadDefinition,
  userEnrollment: ProfileSystem | undefined,
): PlistDict {
  if (userEnrollment === undefined) return content
  const forbidden = Object.keys(definition.facts ?? {}).filter(
    (key) => userEnrollmentOf(definition, userEnrollment, key) === 'forbidden',
  )
  return forbidden.reduce((left, key) => without(left, key.split('.')), content)
}

function without(content: PlistDict, [first = '', ...rest]: readonly string[]): PlistDict {
  const { [first]: value, ...others } = content
  if (rest.length === 0 || !isPlistDict(value)) return others
  return { ...content, [first]: without(value, rest) }
}

function writePayload(
  { id, title, definition, values }: LoadedPayload,
  profile: string,
  writing: Writing,
): PlistDict {
  const written = { ...definition.fixed, ...writeFields(definition.fields, values, writing) }
  const identifier = `${profile}.${id}`
  const { PayloadType = definition.type, ...content } = definition.finish?.(written, writing) ?? written
  return {
    PayloadType,
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: writing.uuidOf(id),
    PayloadDisplayName: title ?? definition.title,
    ...content,
  }
}

function removalPassword(profile: string, password: string): PlistDict {
  const identifier = `${profile}.removal-password`
  return {
    PayloadType: 'com.apple.profileRemovalPassword',
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: stableUuid(identifier),
    PayloadDisplayName: 'Removal password',
    RemovalPassword: password,
  }
}

function plainWriting(identifier: string): Omit<Writing, 'text' | 'identity'> {
  return {
    secret: (secret) => secret.reveal(),
    secretData: (bytes) => bytes,
    uuidOf: (id) => stableUuid(`${identifier}.${id}`),
  }
}

/** Stands for what is different at each delivery. */
function placeholder({ scepUrl, identifier }: Organisation): DeviceIdentitySource {
  return { url: scepUrl, caName: identifier, subject: [], challenge: '' }
}
