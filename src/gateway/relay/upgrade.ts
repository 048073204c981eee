import { hash } from 'node:crypto'
import type { RequestHead } from '../../domain/request-head.ts'
import { clientHeaders, type UpstreamHeaders } from './response-headers.ts'

/**
 * Upgrade handshakes go out on an upstream connection of their own, by undici's `upgrade`. (http-proxy, the usual
 * choice, checks neither the protocol nor the accept value of the answer, and hands the client's bytes on before it has
 * been accepted.)
 */

/** Did the upstream switch to what was asked for, and prove that it read the key (RFC 6455 4.1)? */
export function acceptsHandshake(head: RequestHead, answer: UpstreamHeaders): boolean {
  const protocol = String(answer.upgrade ?? '').toLowerCase()
  if (protocol === '' || protocol !== head.upgrade) return false
  if (protocol !== 'websocket') return true
  const key = head.fields.get('sec-websocket-key')
  return key !== undefined && answer['sec-websocket-accept'] === acceptValue(key)
}

const websocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

function acceptValue(key: string): string {
  return hash('sha1', key.trim() + websocketGuid, 'base64')
}

/** The headers of 101 for the client. Connection and Upgrade are the client side's. */
export function switchHeaders(headers: UpstreamHeaders): string[] {
  return clientHeaders(headers, 101)
}
