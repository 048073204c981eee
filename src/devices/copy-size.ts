import type { DeviceState } from '../domain/registration.ts'

/** Bytes of one key that points to a copy: its hash, its entry, its place in the LRU. */
export const keySize = 200

/** The objects and arrays of a state, its place among the copies, and the strings that are always short. */
const copySize = 750

/**
 * About how many bytes a state takes in memory: what does not vary, measured by `scripts/measure-hot-copies.ts`, and the
 * strings that clients and vendors choose. A usual copy with one key takes 1,000 bytes of heap, and is taken for 1,050.
 */
export function sizeOf({ registration, posture, block }: DeviceState): number {
  const { device } = registration
  return (
    copySize +
    length(device.userAgent) +
    length(device.claimedId) +
    length(device.model) +
    length(registration.user) +
    length(registration.rule) +
    length(posture.reason) +
    length(block?.why)
  )
}

/** Strings with any letter outside Latin-1 take two bytes each; those are rare here. */
function length(text: string | undefined): number {
  return text?.length ?? 0
}
