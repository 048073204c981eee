import type { FieldList } from '../../domain/request-head.ts'
import { type Refused, refuse } from './refused.ts'

export interface UpgradeRequest {
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly method: string
  readonly hasBody: boolean
  /** `Connection` names `upgrade`. */
  readonly named: boolean
  readonly fields: FieldList
  /** The service's `upgrades`. */
  readonly allowed: readonly string[]
}

/** After these the gateway would see nothing any more; no setting allows them. */
const tunnels = /^(?:h2c?$|tls\/|http\/)/

/**
 * Decides what an Upgrade field asks for.
 *
 * @returns the protocol; undefined when the request is an ordinary one (RFC 9110 7.8 lets a server ignore the field)
 */
export function parseUpgrade(request: UpgradeRequest): string | undefined | Refused {
  if (!request.named || request.httpVersion !== '1.1') return undefined
  const wanted = request.fields.all('upgrade').join(',').toLowerCase().split(',')
  const protocols = wanted.map((protocol) => protocol.trim()).filter((protocol) => protocol !== '')
  const known = protocols.filter((name) => name === 'websocket' || isAllowed(name, request.allowed))
  const [protocol] = known
  if (protocol === undefined) return undefined
  if (protocols.length > 1) return refuse('http.upgrade', 'several protocols at once')
  if (!isAllowed(protocol, request.allowed))
    return refuse('http.upgrade', 'the service does not allow the protocol')
  if (request.hasBody) return refuse('http.upgrade', 'an upgrade with a body')
  return protocol === 'websocket' ? checkWebSocket(request) : protocol
}

function isAllowed(protocol: string, allowed: readonly string[]): boolean {
  return allowed.includes(protocol) && !tunnels.test(protocol)
}

/** RFC 6455 4.1; the key is 16 bytes in base64. */
function checkWebSocket({ method, fields }: UpgradeRequest): 'websocket' | Refused {
  if (method !== 'GET') return refuse('http.upgrade', 'a WebSocket handshake has to be GET')
  if (fields.get('sec-websocket-version') !== '13')
    return refuse('http.upgrade', 'Sec-WebSocket-Version is not 13')
  const key = fields.get('sec-websocket-key')
  if (key === undefined || !/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) {
    return refuse('http.upgrade', 'Sec-WebSocket-Key is not 16 bytes')
  }
  return 'websocket'
}
