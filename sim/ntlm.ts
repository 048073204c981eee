/**
 * NTLM over HTTP as IIS does it (MS-NLMP, MS-NTHT): the handshake signs in the TCP connection, and every later
 * request on that connection is that user's, whatever it carries itself. A gateway that lets two clients share such
 * a connection signs one in as the other: this is what the simulation makes visible.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { md4 } from './md4.ts'
import { accountName, passwords } from './people.ts'

const signature = Buffer.from('NTLMSSP\0', 'latin1')

export type NtlmOutcome =
  | { readonly user: string }
  /** Answer 401 with this WWW-Authenticate. */
  | { readonly challenge: string }

/** The sign-in state of each connection of one server. */
export class NtlmConnections {
  readonly #connections = new WeakMap<Socket, { challenge?: Buffer; user?: string }>()

  authenticate(request: IncomingMessage): NtlmOutcome {
    const connection = this.#connections.get(request.socket) ?? {}
    this.#connections.set(request.socket, connection)
    const found = /^(NTLM|Negotiate) ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '')
    if (found === null) {
      return connection.user === undefined ? { challenge: 'NTLM' } : { user: connection.user }
    }
    const [, scheme, base64] = found as unknown as [string, string, string]
    const message = Buffer.from(base64, 'base64')
    delete connection.user
    if (messageType(message) === 1) {
      connection.challenge = randomBytes(8)
      return { challenge: `${scheme} ${challengeMessage(connection.challenge).toString('base64')}` }
    }
    const user =
      messageType(message) === 3 && connection.challenge && userOfResponse(message, connection.challenge)
    delete connection.challenge
    if (user === undefined || user === false) return { challenge: scheme }
    connection.user = user
    return { user }
  }
}

function messageType(message: Buffer): number {
  return message.length >= 12 && message.subarray(0, 8).equals(signature) ? message.readUInt32LE(8) : 0
}

/** MS-NLMP 2.2.1.2. Flags: Unicode, request target, NTLM, always sign, target type domain, extended security, target info. */
function challengeMessage(challenge: Buffer): Buffer {
  const target = Buffer.from('EXAMPLE', 'utf16le')
  const info = Buffer.concat([attribute(2, 'EXAMPLE'), attribute(1, 'SIMULATION'), attribute(0, '')])
  const head = Buffer.alloc(48)
  signature.copy(head)
  head.writeUInt32LE(2, 8)
  writeField(head, 12, target.length, 48)
  head.writeUInt32LE(0x00898205, 20)
  challenge.copy(head, 24)
  writeField(head, 40, info.length, 48 + target.length)
  return Buffer.concat([head, target, info])
}

function attribute(id: number, text: string): Buffer {
  const value = Buffer.from(text, 'utf16le')
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id, 0)
  head.writeUInt16LE(value.length, 2)
  return Buffer.concat([head, value])
}

function writeField(message: Buffer, at: number, length: number, offset: number): void {
  message.writeUInt16LE(length, at)
  message.writeUInt16LE(length, at + 2)
  message.writeUInt32LE(offset, at + 4)
}

function readField(message: Buffer, at: number): Buffer {
  const offset = message.readUInt32LE(at + 4)
  return message.subarray(offset, offset + message.readUInt16LE(at))
}

/** Checks an NTLMv2 response (MS-NLMP 3.3.2). @returns the account name when the password was right */
function userOfResponse(message: Buffer, challenge: Buffer): string | undefined {
  if (message.length < 64) return undefined
  const response = readField(message, 20)
  const domain = readField(message, 28).toString('utf16le')
  const userName = readField(message, 36).toString('utf16le')
  const user = accountName(userName)
  const password = passwords.get(user)
  if (password === undefined || response.length < 24) return undefined
  const key = hmacMd5(
    md4(Buffer.from(password, 'utf16le')),
    Buffer.from(userName.toUpperCase() + domain, 'utf16le'),
  )
  const proof = hmacMd5(key, Buffer.concat([challenge, response.subarray(16)]))
  return proof.equals(response.subarray(0, 16)) ? user : undefined
}

function hmacMd5(key: Buffer, data: Buffer): Buffer {
  return createHmac('md5', key).update(data).digest()
}
