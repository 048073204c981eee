import { isPlistDict, type PlistDict, type PlistValue } from './values.ts'

/** The fields of a dict by type: `undefined` when there is none of this name, or one of another type. */

export function field(dict: PlistDict, name: string): PlistValue | undefined {
  return Object.hasOwn(dict, name) ? dict[name] : undefined
}

export function stringField(dict: PlistDict, name: string): string | undefined {
  const value = field(dict, name)
  return typeof value === 'string' ? value : undefined
}

/** A string that is not empty: devices write what they do not know as `<string/>`. */
export function textField(dict: PlistDict, name: string): string | undefined {
  const value = stringField(dict, name)
  return value === '' ? undefined : value
}

export function booleanField(dict: PlistDict, name: string): boolean | undefined {
  const value = field(dict, name)
  return typeof value === 'boolean' ? value : undefined
}

export function integerField(dict: PlistDict, name: string): number | undefined {
  const value = field(dict, name)
  return typeof value === 'number' ? value : undefined
}

export function dataField(dict: PlistDict, name: string): Uint8Array | undefined {
  const value = field(dict, name)
  return value instanceof Uint8Array ? value : undefined
}

export function arrayField(dict: PlistDict, name: string): readonly PlistValue[] | undefined {
  const value = field(dict, name)
  return isPlistArray(value) ? value : undefined
}

export function dictField(dict: PlistDict, name: string): PlistDict | undefined {
  const value = field(dict, name)
  return isPlistDict(value) ? value : undefined
}

export function isPlistArray(value: PlistValue | undefined): value is readonly PlistValue[] {
  return Array.isArray(value)
}
