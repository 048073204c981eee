/**
 * XML property lists, as Apple's devices and servers exchange them. This file: what one holds. The reader is at the edge
 * of the installation: it is bounded, and refuses whatever two readers could read in two ways.
 */

/**
 * An integer is a number where that is exact and a bigint beyond; data is bytes. A real is an object of its own, since
 * `2` and `2.0` are two types to a device and one to JavaScript.
 */
export type PlistValue =
  | string
  | boolean
  | number
  | bigint
  | PlistReal
  | Date
  | Uint8Array
  | readonly PlistValue[]
  | PlistDict

export interface PlistDict {
  readonly [key: string]: PlistValue
}

export class PlistReal {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

export function real(value: number): PlistReal {
  return new PlistReal(value)
}

export function isPlistDict(value: PlistValue | undefined): value is PlistDict {
  return (
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof PlistReal) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array)
  )
}
