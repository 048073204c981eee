import { decodeBase64 } from '../lib/base64.ts'
import { MalformedInput } from '../lib/malformed-input.ts'

/**
 * What an NTLM message tells before the upstream has judged it (MS-NLMP 2.2.1). `negotiate` is the first leg, which
 * names nobody; `authenticate` the third, which names the user.
 */
export type NtlmMessage =
  | { readonly type: 'negotiate' }
  | { readonly type: 'authenticate'; readonly user: string }

const signature = Buffer.from('NTLMSSP\0', 'latin1')
const unicodeFlag = 0x1

/**
 * Finds the NTLM message in the credentials of `NTLM` or `Negotiate`, for the latter also inside its SPNEGO wrapping.
 * @returns undefined when there is none: Kerberos, or a step of SPNEGO without one
 * @throws MalformedInput when there are two, or one that breaks its own layout
 */
export function readNtlm(credentials: string): NtlmMessage | undefined {
  const bytes = decodeBase64(credentials)
  if (bytes === undefined) throw new MalformedInput('credentials are not base64')
  const start = bytes.indexOf(signature)
  if (start < 0) return undefined
  if (bytes.indexOf(signature, start + 1) >= 0) throw new MalformedInput('two NTLM messages')
  return readMessage(bytes.subarray(start))
}

function readMessage(message: Buffer): NtlmMessage {
  const type = message.length < 12 ? 0 : message.readUInt32LE(8)
  if (type === 1) return { type: 'negotiate' }
  if (type !== 3 || message.length < 64) throw new MalformedInput('not a client’s NTLM message')
  const encoding = message.readUInt32LE(60) & unicodeFlag ? 'utf16le' : 'latin1'
  const domain = readField(message, 28).toString(encoding)
  const user = readField(message, 36).toString(encoding)
  if (user === '') throw new MalformedInput('NTLM names no user')
  return { type: 'authenticate', user: domain === '' ? user : `${domain}\\${user}` }
}

/** Length, room, offset: a field of the payload. */
function readField(message: Buffer, at: number): Buffer {
  const length = message.readUInt16LE(at)
  const offset = message.readUInt32LE(at + 4)
  if (offset + length > message.length) throw new MalformedInput('an NTLM field runs past the end')
  return message.subarray(offset, offset + length)
}
