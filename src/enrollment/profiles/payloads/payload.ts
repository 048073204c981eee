/**
 * The payloads of configuration profiles, one file each, listed in `table.ts`. A payload says which keys administrators
 * write in a profile's YAML, which of Apple's keys each becomes, and which values and systems Apple's own schema allows;
 * the schema for editors and the reference page are made from the same place. `fields.ts` has the kinds of keys.
 */
import type { z } from 'zod'
import type { PlistDict, PlistValue } from '../../../lib/plist/values.ts'
import type { Secret, SecretSource } from '../../../settings/secret.ts'

/** The systems that profiles are made for; `ios` is iPadOS as well. */
export const profileSystems = ['ios', 'macos'] as const
export type ProfileSystem = (typeof profileSystems)[number]

export type PlistType = 'string' | 'boolean' | 'integer' | 'real' | 'data' | 'array' | 'dictionary'

/** What Apple says of a key, where it is not as the payload around it. */
export interface KeyFacts {
  /** The first version that knows it; `n/a`: none does. */
  readonly ios?: string
  readonly macos?: string
  /** iPhones and iPads that are not supervised ignore it. */
  readonly supervised?: true
  /** What becomes of it in a user enrollment. */
  readonly userEnrollment?: 'forbidden' | 'ignored'
  /** In one of a Mac, where that differs. */
  readonly macosUserEnrollment?: UserEnrollmentUse
}

/** `forbidden`: the device may refuse a profile that has it. `ignored`: it is without effect. */
export type UserEnrollmentUse = 'allowed' | 'forbidden' | 'ignored'

export interface Field {
  /** Apple's key, dotted where it lies deeper (`IKEv2.RemoteAddress`); absent for a group, which is one in the file alone. */
  readonly key?: string
  readonly type?: PlistType
  /** What stands in the file, description included. */
  readonly schema: z.ZodType
  readonly required: boolean
  readonly range?: readonly [number, number]
  /** All that are written, in Apple's words. */
  readonly values?: readonly (string | number)[]
  /** Of a group, or of each entry of a list of mappings. */
  readonly fields?: Fields
  /** Reads what the value names: secrets, files. Once, when the file is loaded. */
  prepare?(value: unknown, reading: Reading): unknown
  /** For one device. Of a group: its keys. */
  write(value: unknown, writing: Writing): PlistValue
}

export interface Fields {
  readonly [name: string]: Field
}

export type Values = Readonly<Record<string, unknown>>

/** What a loaded payload may ask for. */
export interface Reading {
  /** The same, for a value inside of this one. */
  within(step: string | number): Reading
  secret(source: SecretSource): Secret
  /** The bytes of a file; empty when it cannot be read, which is noted as a mistake. */
  file(path: string): Buffer
  /** What is read below is a secret, such as a key. */
  noteSecret(): void
  /** Is this the id of another payload of the profile, of one of these kinds? Noted as a mistake if not. */
  reference(id: string, kinds: readonly string[]): void
  mistake(message: string): void
}

/** What a payload may ask for while it is written for one device. */
export interface Writing {
  /** Puts variables in their place; `url`: percent-encoded. */
  text(text: string, style?: 'url'): string
  secret(secret: Secret): string
  secretData(bytes: Uint8Array): Uint8Array
  uuidOf(id: string): string
  /** Where and with which one-time challenge the device gets a certificate of ours. */
  readonly identity: DeviceIdentitySource
}

export interface DeviceIdentitySource {
  readonly url: string
  /** By which our own server knows its CA. */
  readonly caName: string
  /** What the certificate will name: the pairs of a distinguished name. Another one is refused. */
  readonly subject: readonly (readonly [string, string])[]
  readonly challenge: string
  /** SHA-1 of the issuing certificate's DER: the one length that every system knows. */
  readonly caFingerprint?: Uint8Array
}

export interface PayloadDefinition {
  /** How it is called in the file. */
  readonly name: string
  /** Apple's PayloadType. */
  readonly type: string
  readonly title: string
  /** The first version of each system that knows it. */
  readonly systems: Readonly<Partial<Record<ProfileSystem, string>>>
  /** It cannot be in the profile of a user enrollment. */
  readonly userEnrollment?: 'forbidden' | 'forbidden-on-macs'
  /** A Mac takes it only on the channel of a person, not on the device's own. */
  readonly macosUserChannel?: true
  readonly fields: Fields
  /** Apple's keys that every such payload has, with these values. */
  readonly fixed?: PlistDict
  /** By Apple's key. */
  readonly facts?: Readonly<Record<string, KeyFacts>>
  /** Mistakes that only several keys together show. */
  check?(values: Values): readonly PayloadMistake[]
  /** Other payloads of the profile can refer to it, as this. */
  readonly provides?: 'identity' | 'anchor'
  /** Completes what was written from the fields. */
  finish?(content: PlistDict, writing: Writing): PlistDict
}

export interface PayloadMistake {
  readonly path: readonly string[]
  readonly message: string
}

/** @param key Apple's, of the payload; left out: the payload itself */
export function userEnrollmentOf(
  { userEnrollment, facts }: PayloadDefinition,
  system: ProfileSystem,
  key?: string,
): UserEnrollmentUse {
  if (userEnrollment === 'forbidden') return 'forbidden'
  if (userEnrollment === 'forbidden-on-macs' && system === 'macos') return 'forbidden'
  const own = key === undefined ? undefined : facts?.[key]
  const onMacs = system === 'macos' ? own?.macosUserEnrollment : undefined
  return onMacs ?? own?.userEnrollment ?? 'allowed'
}

/** Reads what the values name. */
export function prepareFields(fields: Fields, values: Values, reading: Reading): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const field = fields[name]
      return [name, field?.prepare ? field.prepare(value, reading.within(name)) : value]
    }),
  )
}

/** The keys of a payload in Apple's names, those of groups among them. */
export function writeFields(fields: Fields, values: Values, writing: Writing): PlistDict {
  const content: Record<string, PlistValue> = {}
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name]
    if (value === undefined) continue
    const written = field.write(value, writing)
    if (field.key === undefined)
      merge(content, written as PlistDict) // a group writes its keys
    else put(content, field.key.split('.'), written)
  }
  return content
}

type Open = Record<string, PlistValue>

function put(content: Open, [first = '', ...rest]: readonly string[], value: PlistValue): void {
  if (rest.length === 0) {
    content[first] = value
    return
  }
  const inner: Open = { ...(content[first] as PlistDict | undefined) } // dotted keys lead through dicts only
  put(inner, rest, value)
  content[first] = inner
}

/** Dicts of both become one, so that a group may hold keys that lie deeper. */
export function merge(content: Open, more: PlistDict): void {
  for (const [key, value] of Object.entries(more)) {
    const present = content[key]
    if (isOpen(present) && isOpen(value)) {
      const inner: Open = { ...present }
      merge(inner, value)
      content[key] = inner
    } else content[key] = value
  }
}

function isOpen(value: PlistValue | undefined): value is PlistDict {
  return typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
}
