import { decodeBase64 } from '../lib/base64.ts'

const leastBytes = 32
/** Of 32 random bytes about thirty differ; a repeated word or a counter of decimal digits stays below this. */
const leastDifferent = 16

/**
 * The bytes of a package key as it is written: base64 or base64url, padded or not. The app decodes it the same way.
 * @returns undefined when it is neither, shorter than 256 bits, or plainly not random
 */
export function packageKeyBytes(text: string): Buffer | undefined {
  const bytes = decodeBase64(text.trim().replaceAll('-', '+').replaceAll('_', '/'))
  if (bytes === undefined || bytes.length < leastBytes) return undefined
  return new Set(bytes).size < leastDifferent ? undefined : bytes
}
