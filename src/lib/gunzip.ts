import { gunzipSync } from 'node:zlib'
import { MalformedInput } from './malformed-input.ts'

/** Unpacks a small gzip body. @throws MalformedInput when it is none, or longer than `limit` bytes once unpacked */
export function gunzipWithin(bytes: Uint8Array, limit: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit })
  } catch (cause) {
    throw new MalformedInput('not gzip, or too large once unpacked', { cause })
  }
}
