import { createHmac, randomBytes } from 'node:crypto'
import { md4 } from '../../sim/md4.ts'

const signature = Buffer.from('NTLMSSP\0', 'latin1')
/** Unicode, NTLM, always sign, extended security. */
const flags = 0x00088201

/** The first message of a handshake (MS-NLMP 2.2.1.1), base64. */
export function ntlmOpening(): string {
  const message = Buffer.alloc(32)
  signature.copy(message)
  message.writeUInt32LE(1, 8)
  message.writeUInt32LE(flags, 12)
  return message.toString('base64')
}

export interface NtlmAccount {
  readonly domain: string
  readonly user: string
  readonly password: string
}

/** The last message (MS-NLMP 2.2.1.3) with an NTLMv2 response (3.3.2) to the server's challenge, both base64. */
export function ntlmProof(challenge: string, { domain, user, password }: NtlmAccount): string {
  const asked = Buffer.from(challenge, 'base64')
  const info = asked.subarray(asked.readUInt32LE(44), asked.readUInt32LE(44) + asked.readUInt16LE(40))
  const key = hmacMd5(md4(utf16(password)), utf16(user.toUpperCase() + domain))
  const blob = Buffer.concat([Buffer.from('0101000000000000', 'hex'), Buffer.alloc(8), randomBytes(8)])
  const rest = Buffer.concat([blob, Buffer.alloc(4), info, Buffer.alloc(4)])
  const response = Buffer.concat([hmacMd5(key, Buffer.concat([asked.subarray(24, 32), rest])), rest])
  return layOut([Buffer.alloc(0), response, utf16(domain), utf16(user), utf16('PHONE'), Buffer.alloc(0)])
}

/** Six fields of the payload, each with its length, room and offset in the head. */
function layOut(fields: readonly Buffer[]): string {
  const head = Buffer.alloc(64)
  signature.copy(head)
  head.writeUInt32LE(3, 8)
  let offset = head.length
  for (const [index, field] of fields.entries()) {
    head.writeUInt16LE(field.length, 12 + index * 8)
    head.writeUInt16LE(field.length, 14 + index * 8)
    head.writeUInt32LE(offset, 16 + index * 8)
    offset += field.length
  }
  head.writeUInt32LE(flags, 60)
  return Buffer.concat([head, ...fields]).toString('base64')
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}

function hmacMd5(key: Buffer, data: Buffer): Buffer {
  return createHmac('md5', key).update(data).digest()
}
