/**
 * What the connectors have in common. This file: schemas for the fields of vendors' records. Vendors add fields and
 * change types without notice, so that a field of the wrong type or of absurd length reads as absent; what is absent is
 * unknown, never compliant.
 */
import { z } from 'zod'

const longest = 512

/** A text that is not empty; a number is taken as its digits. */
export function text() {
  return z.unknown().transform(textOf)
}

export function flag() {
  return z.unknown().transform(flagOf)
}

/** Milliseconds since the epoch, of an ISO 8601 text. */
export function instant() {
  return z.unknown().transform(instantOf)
}

/** A list of records or values; whatever else stands there is an empty one. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.array(item).catch([])
}

/** An object inside of a record; undefined when the vendor left it out or made it something else. */
export function part<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object(shape).optional().catch(undefined)
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string' || value.length > longest) return undefined
  const trimmed = value.trim()
  return trimmed === '' ? undefined : trimmed
}

/** True and false also as vendors write them in texts. What says neither is undefined: not known. */
export function flagOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = textOf(value)?.toLowerCase()
  if (word === 'true' || word === 'yes' || word === '1') return true
  return word === 'false' || word === 'no' || word === '0' ? false : undefined
}

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/

/**
 * Without a zone it is UTC. Years that stand for never (`0001-01-01`, `1970-01-01`, `2000-01-01T00:00:00Z`,
 * `9999-12-31`) give undefined.
 */
export function instantOf(value: unknown): number | undefined {
  const written = textOf(value)
  const match = written === undefined ? null : iso.exec(written)
  if (written === undefined || match === null) return undefined
  const instant = Date.parse(match[3] === undefined ? `${written}Z` : written)
  return isPlausible(instant) ? instant : undefined
}

const firstInstant = Date.UTC(2000, 0, 2)
const lastInstant = Date.UTC(9000, 0, 1)

/** @param instant milliseconds since the epoch */
export function isPlausible(instant: number): boolean {
  return instant >= firstInstant && instant <= lastInstant
}
