import { Agent, request as send } from 'undici'
import { sha256 } from '../../lib/hash.ts'
import { networkOf } from '../../lib/ip-address.ts'
import type { ScepSettings } from '../../settings/build-ca.ts'
import type { Counters } from '../../shared-state/ports.ts'
import type { KeyBinding, ProxiedKeys } from '../../store/certificate-ports.ts'
import { publicKeyHash } from '../ca/names.ts'
import { answer, messageOf, operationOf, plainAnswer } from './http.ts'
import { type Envelope, messageTypes, readEnvelope } from './message.ts'
import { type ScepAnswer, type ScepDecided, type ScepRequest, ScepUnreadable } from './scep.ts'

export interface ScepProxyDependencies {
  readonly url: URL
  /** CAs of its TLS certificate, PEM; those of the system when empty. */
  readonly ca: readonly string[]
  readonly settings: Pick<ScepSettings, 'requests' | 'attempts'>
  readonly keys: Pick<ProxiedKeys, 'bind'>
  readonly counters: Counters
  readonly now: () => number
  readonly onDecided: (
    decided: Omit<ScepDecided, 'outcome'> & { readonly outcome: 'passed-on' | 'refused' },
  ) => void
  readonly onFailure: (error: unknown) => void
}

/** @param challenge ours, of the address that the device was given */
export type ScepProxyHandler = (request: ScepRequest, challenge: string | undefined) => Promise<ScepAnswer>

export interface ScepProxy {
  readonly handle: ScepProxyHandler
  close(): Promise<void>
}

const mostAnswerBytes = 256 * 1024
const timeout = 15_000
const minute = 60_000
const types = [
  'text/plain',
  'application/x-x509-ca-cert',
  'application/x-x509-ca-ra-cert',
  'application/x-x509-next-ca-cert',
  'application/x-pki-message',
]

/**
 * Passes SCEP on to a server behind, and nothing else: operations that there are, and requests whose signature is valid and whose
 * key has shown a challenge of ours, in the address. What is in them, that server's own password among it, is encrypted to
 * that server, and so is its answer to the device: the key is all that we learn, and all that we need (`behind.ts`).
 */
export function createScepProxy(deps: ScepProxyDependencies): ScepProxy {
  const agent = new Agent({
    connections: 16,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    ...(deps.ca.length > 0 && { connect: { ca: [...deps.ca] } }),
  })
  return {
    async handle(request, challenge) {
      const { counters, settings, onFailure } = deps
      if ((await counters.hit(`scep:${networkOf(request.source)}`, minute)) > settings.requests)
        return tooMany(minute)
      try {
        return await forward({ ...request, challenge }, deps, agent)
      } catch (error) {
        if (error instanceof ScepUnreadable) return plainAnswer(400, 'The message cannot be read.')
        if (error instanceof Refused) return refuse(error, { ...request, challenge }, deps)
        onFailure(error)
        return plainAnswer(502, 'The SCEP server cannot be reached.')
      }
    },
    close: () => agent.close(),
  }
}

interface Addressed extends ScepRequest {
  readonly challenge: string | undefined
}

class Refused extends Error {
  readonly transaction: string
  /** Guessed, replayed or somebody else's: these are counted. */
  readonly isGuess: boolean

  constructor(message: string, { transaction }: Envelope, isGuess = false) {
    super(message)
    this.name = 'Refused'
    this.transaction = transaction
    this.isGuess = isGuess
  }
}

async function refuse(
  { message, transaction, isGuess }: Refused,
  { source }: Addressed,
  { counters, settings, onDecided }: ScepProxyDependencies,
): Promise<ScepAnswer> {
  onDecided({ source, transaction, outcome: 'refused', detail: message })
  if (isGuess && (await counters.hit(`scep-challenge:${networkOf(source)}`, 5 * minute)) > settings.attempts)
    return tooMany(5 * minute)
  return plainAnswer(403, `${message}.`)
}

function tooMany(milliseconds: number): ScepAnswer {
  return plainAnswer(429, 'Too many requests from this address.', [
    ['Retry-After', String(milliseconds / 1000)],
  ])
}

async function forward(request: Addressed, deps: ScepProxyDependencies, agent: Agent): Promise<ScepAnswer> {
  const operation = operationOf(request)
  if (operation === undefined) return plainAnswer(404, 'There is no such operation.')
  const target = new URL(deps.url)
  target.searchParams.set('operation', operation)
  if (operation !== 'PKIOperation') return receive(target, { method: 'GET' }, agent)
  const message = messageOf(request)
  await bindKey(readEnvelope(message), request, deps)
  if (request.method === 'POST')
    return receive(
      target,
      { method: 'POST', body: message, headers: { 'content-type': 'application/x-pki-message' } },
      agent,
    )
  target.searchParams.set('message', message.toString('base64'))
  return receive(target, { method: 'GET' }, agent)
}

/** @throws {Refused} */
async function bindKey(
  envelope: Envelope,
  { challenge, source }: Addressed,
  { keys, now, onDecided }: ScepProxyDependencies,
): Promise<void> {
  const { messageType, signer, transaction } = envelope
  const { renewalReq, updateReq, pkcsReq, certPoll } = messageTypes
  // The new key is inside, where we cannot see it: the device would come back with a certificate that is nobody's.
  // Older clients renew by an ordinary request that the old certificate signs.
  const isRenewal = messageType === renewalReq || messageType === updateReq
  if (isRenewal || !signer.verify(signer.publicKey))
    throw new Refused('Renewals come with a new profile', envelope)
  if (messageType !== pkcsReq && messageType !== certPoll)
    throw new Refused('This type of message is not passed on', envelope)
  if (challenge === undefined || challenge.length > 256)
    throw new Refused('The address lacks its one-time part', envelope)
  // A first request is signed with the key that it is for.
  const publicKey = publicKeyHash(signer.publicKey.export({ type: 'spki', format: 'der' }))
  const outcome = await keys.bind({ publicKey, challenge: sha256(challenge), at: now() })
  if (outcome !== 'bound') throw new Refused(words[outcome], envelope, outcome.startsWith('challenge'))
  onDecided({ source, transaction, outcome: 'passed-on' })
}

const words: Readonly<Record<Exclude<KeyBinding, 'bound'>, string>> = {
  'challenge-unknown': 'The challenge is not valid',
  'challenge-used': 'The challenge was used',
  'key-taken': 'The key belongs to another device',
  ended: 'The enrollment of this key has ended',
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
