import type { PlistDict, PlistValue } from '../../src/lib/plist/values.ts'

/** @throws Error */
export function textOf(value: PlistValue | undefined): string {
  if (typeof value !== 'string') throw new Error('a text is missing')
  return value
}

/** @throws Error */
export function dictOf(value: PlistValue | undefined): PlistDict {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('a dictionary is missing')
  return value as PlistDict
}

export function dictsIn(value: PlistValue | undefined): readonly PlistDict[] {
  return Array.isArray(value) ? (value as readonly PlistDict[]) : []
}
