import type { JsonObject, JsonValue } from '../../domain/enrollment.ts'
import { isPlistArray } from '../../lib/plist/fields.ts'
import { isPlistDict, type PlistDict, PlistReal, type PlistValue } from '../../lib/plist/values.ts'

/** As the inventory keeps it: dates in ISO 8601, data in base64, integers beyond 2⁵³ as text; what is not finite is null. */
function toJson(value: PlistValue): JsonValue {
  if (isPlistDict(value)) return dictToJson(value)
  if (isPlistArray(value)) return value.map(toJson)
  if (value instanceof PlistReal) return Number.isFinite(value.value) ? value.value : null
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return null
}

export function dictToJson(dict: PlistDict): JsonObject {
  return Object.fromEntries(Object.entries(dict).map(([key, value]) => [key, toJson(value)]))
}

/** The dicts of a list, in JSON; whatever else is in it is passed over. */
export function dictsToJson(list: readonly PlistValue[]): readonly JsonObject[] {
  return list.filter(isPlistDict).map(dictToJson)
}
