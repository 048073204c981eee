import { parseJsonObject } from '../../../lib/json.ts'
import { MalformedInput } from '../../../lib/malformed-input.ts'
import type { VendorRecord } from './record.ts'

/** A notification's body; undefined when it is no object, as everything that nobody at the vendor has written. */
export function notificationIn(body: Uint8Array): VendorRecord | undefined {
  try {
    return parseJsonObject(body)
  } catch (error) {
    if (error instanceof MalformedInput) return undefined
    throw error
  }
}
