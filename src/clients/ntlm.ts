import { decodeBase64 } from '../lib/base64.ts'
import { MalformedInput } from '../lib/malformed-input.ts'
import { mechanismToken } from './spnego.ts'

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
 * The NTLM message in the credentials of `NTLM` or `Negotiate`: the whole of them, or the token that SPNEGO wraps. It is
 * never looked for elsewhere: a Kerberos ticket of bob may well hold the bytes of a message that names alice.
 * @returns undefined when there is none: Kerberos, or a step of SPNEGO without a token
 * @throws MalformedInput when the message breaks its own layout
 */
export function readNtlm(credentials: string): NtlmMessage | undefined {
  const bytes = decodeBase64(credentials)
  if (bytes === undefined) throw new MalformedInput('credentials are not base64')
  const message = isMessage(bytes) ? bytes : mechanismToken(bytes)
  return message !== undefined && isMessage(message) ? readMessage(message) : undefined
}

function isMessage(bytes: Buffer): boolean {
  return bytes.subarray(0, signature.length).equals(signature)
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
