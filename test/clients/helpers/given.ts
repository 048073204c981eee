import type {
  ClientRequest,
  ProtocolDependencies,
  Refusal,
  UpstreamAnswer,
} from '../../../src/clients/protocol.ts'
import { type ReasonCode, reasons } from '../../../src/domain/reason.ts'
import { type ConnectionFacts, FieldList, type RequestHead } from '../../../src/domain/request-head.ts'
import type { ClientSettings, Service } from '../../../src/domain/service.ts'

/** A request as the wire parser would make it. Header names may be written in any case. */
export interface GivenRequest {
  readonly method?: string
  readonly target?: string
  readonly host?: string
  readonly scheme?: 'http' | 'https'
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string | Uint8Array
  readonly connection?: Partial<ConnectionFacts>
  readonly upgrade?: string
}

export function aHead(given: GivenRequest = {}): RequestHead {
  const { method = 'GET', target = '/', host = 'service.example.com', scheme = 'https', headers = [] } = given
  const question = target.indexOf('?')
  const path = question < 0 ? target : target.slice(0, question)
  return {
    id: 'q1w2e3r4',
    receivedAt: 1_800_000_000_000,
    httpVersion: '1.1',
    method,
    scheme,
    host,
    authority: host,
    target,
    path,
    decodedPath: path,
    query: question < 0 ? undefined : target.slice(question + 1),
    fields: new FieldList(
      headers.map(([name]) => name.toLowerCase()),
      headers.map(([, value]) => value),
    ),
    hasBody: given.body !== undefined,
    source: { address: '203.0.113.7', derivedFrom: 'peer', peer: '203.0.113.7' },
    connection: { id: 1, ...given.connection },
    ...(given.upgrade !== undefined && { upgrade: given.upgrade }),
  }
}

export function aRequest(given: GivenRequest = {}): ClientRequest {
  const head = aHead(given)
  return given.body === undefined ? { head } : { head, body: Buffer.from(given.body) }
}

export function aService(client: ClientSettings): Service {
  return {
    name: 'svc',
    hosts: ['service.example.com'],
    upstream: [new URL('http://127.0.0.1:1')],
    client,
    mode: 'enforce',
    public: [],
    paths: { encodedSlash: false, parameters: false, caseInsensitive: false },
    upgrades: ['websocket'],
    origins: [],
    allowFields: [],
    hostHeader: 'client',
    upstreamTls: { ca: [], verify: true },
    maxBody: 1 << 20,
    hsts: false,
  }
}

export function dependencies(given: Partial<ProtocolDependencies> = {}): ProtocolDependencies {
  return {
    now: () => 1_800_000_000_000,
    verifyToken: async () => {
      throw new Error('no token was expected')
    },
    userOfGrant: () => undefined,
    ...given,
  }
}

export function anAnswer(
  status: number,
  headers: UpstreamAnswer['headers'] = [],
  body?: string | object,
): UpstreamAnswer {
  if (body === undefined) return { status, headers }
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
}

export function aRefusal(reason: ReasonCode, more: Partial<Refusal> = {}): Refusal {
  const { status, sentence } = reasons[reason]
  return { reason, status, sentence, reference: 'q1w2e3r4', ...more }
}

export const aCertificate = {
  publicKeySha256: 'p'.repeat(43),
  serialNumber: '0a',
  issuer: 'CN=Device CA',
  subject: 'CN=Alices iPhone',
  commonName: 'Alices iPhone',
  upn: 'Alice@example.com',
  notAfter: 1_900_000_000_000,
}

export const html: readonly (readonly [string, string])[] = [
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Dest', 'document'],
]
