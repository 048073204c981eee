/** Apple's published schema of payloads, as far as the tests read it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Field, Fields } from '../../../src/enrollment/profiles/payloads/payload.ts'

export interface AppleKey {
  readonly key: string
  readonly type: string
  readonly presence?: string
  readonly rangelist?: readonly unknown[]
  readonly range?: { readonly min: number; readonly max: number }
  readonly supportedOS?: Systems
  readonly subkeys?: readonly AppleKey[]
}

interface System {
  readonly introduced?: string
  readonly supervised?: boolean
  readonly devicechannel?: boolean
  readonly userenrollment?: { readonly mode?: string }
}

export type Systems = { readonly iOS?: System; readonly macOS?: System }

export interface AppleSchema {
  readonly payload: { readonly supportedOS: Systems }
  readonly payloadkeys: readonly AppleKey[]
}

/** @param folder where the schema lies @param type PayloadType */
export function readAppleSchema(folder: string, type: string): AppleSchema {
  return parse(readFileSync(join(folder, 'mdm/profiles', `${type}.yaml`), 'utf8')) as AppleSchema
}

/** Removed from the schema with the systems that knew it. */
export const legacy: ReadonlySet<string> = new Set(['allowYouTube'])

/** What a key does not say of a system, the one around it says. */
export function inherited(above: Systems, own: Systems | undefined): Systems {
  return { iOS: { ...above.iOS, ...own?.iOS }, macOS: { ...above.macOS, ...own?.macOS } }
}

export function find(
  keys: readonly AppleKey[],
  [first, ...rest]: readonly string[],
  above: Systems,
): { readonly key: AppleKey; readonly systems: Systems } | undefined {
  const key = keys.find((one) => one.key === first)
  if (key === undefined) return undefined
  const systems = inherited(above, key.supportedOS)
  return rest.length === 0 ? { key, systems } : find(key.subkeys ?? [], rest, systems)
}

/** @param entries with the fields of lists' entries */
export function flat(fields: Fields, entries = true): { readonly name: string; readonly field: Field }[] {
  return Object.entries(fields).flatMap(([name, field]) => [
    { name, field },
    ...(field.fields !== undefined && (entries || field.key === undefined)
      ? flat(field.fields, entries)
      : []),
  ])
}
