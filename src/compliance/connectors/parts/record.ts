/**
 * Reads members of a vendor's record with tolerance: numbers that arrive as texts and texts as numbers, `"null"` and
 * `"N/A"` for nothing, times in five forms. What cannot be read is undefined.
 */
import { isObject } from '../../../lib/json.ts'

export type VendorRecord = Readonly<Record<string, unknown>>

const longestText = 512

/** The first of `names` that holds a text (or a number) that says something, without control characters. */
export function text(record: VendorRecord, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = textOf(member(record, name))
    if (value !== undefined) return value
  }
  return undefined
}

/** A text that says something; also of a number, never of anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string' || value.length > longestText) return undefined
  const trimmed = value.replace(/[\u0000-\u001f\u007f]/g, ' ').trim()
  return nothing.has(trimmed.toLowerCase()) ? undefined : trimmed
}

const nothing: ReadonlySet<string> = new Set(['', 'null', 'undefined', 'n/a', '(null)'])

/** A list of texts; also of one text, and of the values inside `{ Name: [...] }` or `{ Name: "..." }`. */
export function texts(record: VendorRecord, ...names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => textsOf(member(record, name))))]
}

function textsOf(value: unknown, depth = 2): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsOf(item, depth - 1)).slice(0, 64)
  if (isObject(value))
    return depth > 0 ? Object.values(value).flatMap((item) => textsOf(item, depth - 1)) : []
  const own = textOf(value)
  return own === undefined ? [] : [own]
}

/** True, false, or undefined for what is neither. */
export function flag(record: VendorRecord, ...names: readonly string[]): boolean | undefined {
  for (const name of names) {
    const value = flags.get(String(member(record, name)).trim().toLowerCase())
    if (value !== undefined) return value
  }
  return undefined
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
])

/** A whole number that is not negative, also in text. */
export function count(record: VendorRecord, ...names: readonly string[]): number | undefined {
  const value = text(record, ...names)
  return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : undefined
}

export function object(record: VendorRecord, name: string): VendorRecord | undefined {
  const value = member(record, name)
  return isObject(value) ? value : undefined
}

/**
 * Milliseconds since the epoch: of a number in milliseconds, ISO text (UTC where it names no zone), .NET's
 * `/Date(ms)/`. The year 1, 0 and other dates that mean `never` are undefined.
 */
export function instant(record: VendorRecord, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = instantOf(member(record, name))
    if (value !== undefined) return value
  }
  return undefined
}

export function instantOf(value: unknown): number | undefined {
  const time =
    typeof value === 'number' ? value : typeof value === 'string' ? timeOf(value.trim()) : Number.NaN
  return Number.isFinite(time) && time > earliest && time < latest ? Math.trunc(time) : undefined
}

const earliest = Date.UTC(2000, 0, 1)
const latest = Date.UTC(2200, 0, 1)

function timeOf(written: string): number {
  if (/^\d{10,14}$/.test(written)) return Number(written)
  const dotNet = /^\\?\/Date\((\d{10,14})(?:[+-]\d{4})?\)\\?\/$/.exec(written)?.[1]
  if (dotNet !== undefined) return Number(dotNet)
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(written) || written.length > 40) return Number.NaN
  const iso = written.replace(' ', 'T')
  return Date.parse(/(?:z|[+-]\d\d:?\d\d)$/i.test(iso) ? iso : `${iso}Z`)
}

/** Own members only: a record may not say `constructor`. */
export function member(record: VendorRecord, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** As user names, UPNs and e-mail addresses are compared. */
export function lower(value: string | undefined): string | undefined {
  return value?.toLowerCase()
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** The object without its undefined members, which optional members must not hold. */
export function defined<T extends object>(value: T): Defined<T> {
  const kept = Object.entries(value).filter(([, part]) => part !== undefined)
  // What is left are the members that are not undefined.
  return Object.fromEntries(kept) as Defined<T>
}
