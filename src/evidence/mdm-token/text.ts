import { crc32 } from 'node:zlib'

/**
 * How an MDM token reads. A generated one is `ghmt_`, 256 random bits in base32 and a checksum: secret scanners know
 * it by its look, and a slip of the hand is told from an unknown token.
 */

export const tokenPrefix = 'ghmt_'

/** Lower case without look-alikes, as in public ids. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const secretBytes = 32
const secretLength = 52
const checksumLength = 7

const generated = new RegExp(`^${tokenPrefix}[${alphabet}]{${secretLength + checksumLength}}$`)

/** As long as a token may be; also of one that was typed in. */
export const longestToken = 256

/**
 * What passes through headers, shells, XML and the consoles of MDMs as it is: no spaces, quotes or commas, and none of
 * the `$ % { }` that MDMs put variables between.
 */
const tokenCharacters = /^[A-Za-z0-9!#*+\-./:=?@^_~]+$/

/** @param secret 32 random bytes */
export function formatToken(secret: Uint8Array): string {
  if (secret.length !== secretBytes) throw new RangeError(`A token is made of ${secretBytes} bytes`)
  const text = base32(secret)
  return `${tokenPrefix}${text}${checksum(text)}`
}

/** Could this be a token at all? What is not is refused before it is looked up. */
export function isTokenText(text: string): boolean {
  return text.length > 0 && text.length <= longestToken && tokenCharacters.test(text)
}

/** Looks generated, and its checksum fits. */
export function isGenerated(text: string): boolean {
  if (!generated.test(text)) return false
  const end = text.length - checksumLength
  return checksum(text.slice(tokenPrefix.length, end)) === text.slice(end)
}

/** CRC-32: against slips, not against forgers; those are stopped by the 256 bits. */
function checksum(text: string): string {
  let rest = crc32(text)
  let out = ''
  for (let i = 0; i < checksumLength; i++) {
    out = alphabet[rest & 31] + out
    rest >>>= 5
  }
  return out
}

function base32(bytes: Uint8Array): string {
  let out = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += alphabet[(held >>> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits === 0 ? out : out + alphabet[(held << (5 - bits)) & 31]
}
