/**
 * What Gatehouse can tell an enrolled device to do: one file a command in Apple's words, `table.ts` lists them. Each says what it takes,
 * which right it needs, and how its answer becomes inventory. Whatever is not here can be sent as a raw property list.
 *
 * This file: the shape of a command.
 */
import type { AccessRightName } from '../../domain/access-rights.ts'
import type { DeviceIds } from '../../domain/device-ids.ts'
import type { EnrolledDevice, InventoryPart, JsonObject } from '../../domain/enrollment.ts'
import type { PlistDict, PlistValue } from '../../lib/plist/values.ts'

export interface DeviceCommand {
  /** Apple's RequestType. */
  readonly name: string
  /** For administrators, in one sentence. */
  readonly summary: string
  readonly right?: AccessRightName
  /** Apple's keys of the command, beside RequestType. */
  readonly keys: Readonly<Record<string, CommandKey>>
  /** Of the keys that are not given. */
  readonly defaults?: CommandValues
  /** Devices that are not supervised answer it with an error. */
  readonly supervisedOnly?: true
  /** Devices that belong to their user (user enrollment) refuse it: all of them, or Macs alone. */
  readonly userEnrollment?: 'forbidden' | 'forbidden-on-macs'
  /** For the device itself only, not for one person's channel of it. */
  readonly deviceOnly?: true
  /** What it does cannot be taken back: the serial number is asked for as well, and no second one waits beside it. */
  readonly destructive?: true
  /** The unlock token goes in when the command is sent: an older one would fail. */
  readonly unlocks?: true
  /** Devices never answer it with NotNow. */
  readonly neverDeferred?: true
  /** @returns what is wrong with these values together, in words; undefined when nothing is */
  check?(values: PlistDict): string | undefined
  /** What the device's answer tells of it. Keys that are not there stay away; those of another type are passed over. */
  read?(answer: PlistDict): InventoryReading | undefined
}

export interface CommandKey {
  readonly type: CommandKeyType
  readonly required?: true
  readonly description: string
  readonly values?: readonly (string | number)[]
  /** The whole value has to fit. */
  readonly pattern?: RegExp
}

export type CommandKeyType = 'string' | 'integer' | 'boolean' | 'data' | 'strings' | 'dict' | 'dicts'

export interface InventoryReading {
  readonly part: InventoryPart
  readonly values: JsonObject
  readonly learnt?: { readonly ids?: DeviceIds; readonly device?: EnrolledDevice }
}

export type CommandValues = Readonly<Record<string, PlistValue>>
