import { Agent, request as send } from 'undici'
import { networkOf } from '../../lib/ip-address.ts'
import type { ScepSettings } from '../../settings/build-ca.ts'
import type { Counters } from '../../shared-state/ports.ts'
import { answer, messageOf, operationOf, plainAnswer } from './http.ts'
import { readEnvelope } from './message.ts'
import { type ScepAnswer, type ScepHandler, type ScepRequest, ScepUnreadable } from './scep.ts'

export interface ScepProxyDependencies {
  readonly url: URL
  /** CAs of its TLS certificate, PEM; those of the system when empty. */
  readonly ca: readonly string[]
  readonly settings: Pick<ScepSettings, 'requests'>
  readonly counters: Counters
  readonly onFailure: (error: unknown) => void
}

export interface ScepProxy {
  readonly handle: ScepHandler
  close(): Promise<void>
}

const mostAnswerBytes = 256 * 1024
const timeout = 15_000
const types = [
  'text/plain',
  'application/x-x509-ca-cert',
  'application/x-x509-ca-ra-cert',
  'application/x-x509-next-ca-cert',
  'application/x-pki-message',
]

/**
 * Passes SCEP on to a server behind, and nothing else: operations that there are, and messages whose signature is valid. Their
 * contents, the challenge among them, are encrypted to that server: it checks them.
 */
export function createScepProxy(deps: ScepProxyDependencies): ScepProxy {
  const agent = new Agent({
    connections: 16,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    ...(deps.ca.length > 0 && { connect: { ca: [...deps.ca] } }),
  })
  return {
    async handle(request) {
      const { counters, settings, onFailure } = deps
      if ((await counters.hit(`scep:${networkOf(request.source)}`, 60_000)) > settings.requests)
        return plainAnswer(429, 'Too many requests from this address.', [['Retry-After', '60']])
      try {
        return await forward(request, deps, agent)
      } catch (error) {
        if (error instanceof ScepUnreadable) return plainAnswer(400, 'The message cannot be read.')
        onFailure(error)
        return plainAnswer(502, 'The SCEP server cannot be reached.')
      }
    },
    close: () => agent.close(),
  }
}

async function forward(
  request: ScepRequest,
  { url }: ScepProxyDependencies,
  agent: Agent,
): Promise<ScepAnswer> {
  const operation = operationOf(request)
  if (operation === undefined) return plainAnswer(404, 'There is no such operation.')
  const target = new URL(url)
  target.searchParams.set('operation', operation)
  if (operation !== 'PKIOperation') return receive(target, { method: 'GET' }, agent)
  const message = messageOf(request)
  readEnvelope(message)
  if (request.method === 'POST')
    return receive(
      target,
      { method: 'POST', body: message, headers: { 'content-type': 'application/x-pki-message' } },
      agent,
    )
  target.searchParams.set('message', message.toString('base64'))
  return receive(target, { method: 'GET' }, agent)
}

type Sent = {
  readonly method: 'GET' | 'POST'
  readonly body?: Buffer
  readonly headers?: Record<string, string>
}

async function receive(target: URL, sent: Sent, agent: Agent): Promise<ScepAnswer> {
  const response = await send(target, { ...sent, dispatcher: agent, signal: AbortSignal.timeout(timeout) })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > mostAnswerBytes) throw new Error('The answer of the SCEP server is too long')
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const type =
    String(response.headers['content-type'] ?? '')
      .split(';')[0]
      ?.trim()
      .toLowerCase() ?? ''
  if (response.statusCode !== 200)
    return plainAnswer(
      response.statusCode >= 500 ? 502 : response.statusCode,
      'The SCEP server has refused this.',
    )
  if (!types.includes(type)) throw new Error('The SCEP server has not answered with SCEP')
  return answer(type, body)
}
