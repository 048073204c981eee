/**
 * The OCSP responder (RFC 6960): whether a certificate of ours holds, for whoever does not follow the record as the gateways do.
 * `request.ts` reads what is asked, `response.ts` writes the answer, signed by the authority itself: its key is in this
 * process for SCEP and the revocation lists anyway, and a responder's certificate of its own would be one more that ends.
 */
import { LRUCache } from 'lru-cache'
import type { Answer } from '../../domain/answer.ts'
import { networkOf } from '../../lib/ip-address.ts'
import type { ScepSettings } from '../../settings/build-ca.ts'
import type { Counters } from '../../shared-state/ports.ts'
import { RecordUnavailable } from '../../store/errors.ts'
import type { Store } from '../../store/ports.ts'
import { Asn1Error } from '../asn1/asn1.ts'
import type { Authority } from '../ca/authority.ts'
import type { CertificateService } from '../ca/certificate-service.ts'
import { ocspPath } from '../ca/ocsp-path.ts'
import type { Visit } from '../web/visit.ts'
import { authorityOf } from './authority-of.ts'
import { type CertificateId, type OcspRequest, readOcspRequest } from './request.ts'
import { type CertificateStatus, failure, type SingleStatus, signedResponse } from './response.ts'

export interface OcspDependencies {
  readonly service: Pick<CertificateService, 'authorities' | 'generation'>
  readonly certificates: Pick<Store['certificates'], 'bySerial'>
  readonly counters: Counters
  readonly settings: Pick<ScepSettings, 'requests'>
  readonly now: () => number
  readonly onAnswered?: (outcome: OcspOutcome) => void
}

export type OcspOutcome =
  | CertificateStatus['status']
  | 'malformed'
  | 'unauthorized'
  | 'unavailable'
  | 'too-many'

/** Milliseconds for which others may keep an answer; ours are made anew at half of it. */
const answerLife = 60 * 60 * 1000
/** Seconds for which caches on the way may: a revocation is heard of that late by who asks through them. */
const cachedFor = 300
const mostCached = 5000

/** @returns what serves `/ocsp`; undefined for every other path */
export function createOcspResponder(deps: OcspDependencies): (visit: Visit) => Promise<Answer> | undefined {
  const kept: Kept = new LRUCache({ max: mostCached, ttl: answerLife / 2, perf: { now: deps.now } })
  return (visit) => {
    const isPost = visit.method === 'POST' && visit.path === ocspPath
    const isGet = visit.method === 'GET' && visit.path.startsWith(`${ocspPath}/`)
    if (!isPost && !isGet) return undefined
    return respond(visit, kept, deps)
  }
}

interface Made {
  readonly der: Buffer
  readonly outcome: OcspOutcome
}

type Kept = LRUCache<string, Made>

async function respond(visit: Visit, kept: Kept, deps: OcspDependencies): Promise<Answer> {
  const { counters, settings, onAnswered } = deps
  const asked = await counters.hit(`ocsp:${networkOf(visit.source)}`, 60_000)
  if (asked > settings.requests) {
    onAnswered?.('too-many')
    return {
      status: 429,
      headers: [
        ['Content-Type', 'text/plain'],
        ['Retry-After', '60'],
      ],
      body: 'Too many requests.\n',
    }
  }
  try {
    const request = readOcspRequest(messageOf(visit))
    const authority = authorityOf(request.ids[0]!, deps.service.authorities)
    // Nobody else's certificates are ours to judge (RFC 6960, 2.3).
    if (authority === undefined) return failed('unauthorized', deps)
    const isCacheable = visit.method === 'GET' && request.nonce === undefined
    const { der, outcome } = await responseTo(request, { authority, kept, deps })
    onAnswered?.(outcome)
    return answer(der, isCacheable)
  } catch (error) {
    if (error instanceof Asn1Error) return failed('malformed', deps)
    if (error instanceof RecordUnavailable) return failed('unavailable', deps)
    throw error
  }
}

interface Responding {
  readonly authority: Authority
  readonly kept: Kept
  readonly deps: OcspDependencies
}

/** Most ask for one certificate and without a nonce: their answer is signed once and kept until anything is revoked. */
async function responseTo(request: OcspRequest, { authority, kept, deps }: Responding): Promise<Made> {
  const { ids, nonce } = request
  const [only, ...more] = ids
  const isPlain = more.length === 0 && nonce === undefined
  const key = `${deps.service.generation} ${authority.id} ${only!.der.toString('base64')}`
  const before = isPlain ? kept.get(key) : undefined
  if (before !== undefined) return before
  const statuses: SingleStatus[] = []
  for (const id of ids) statuses.push(await statusOf(id, authority, deps))
  const at = deps.now()
  const facts = { statuses, at, nextUpdate: at + answerLife, ...(nonce && { nonce }) }
  const made = { der: signedResponse(facts, authority), outcome: statuses[0]!.status }
  // Of unknown serials there is no end.
  if (isPlain && made.outcome !== 'unknown') kept.set(key, made)
  return made
}

async function statusOf(
  id: CertificateId,
  authority: Authority,
  { certificates }: OcspDependencies,
): Promise<SingleStatus> {
  const { der } = id
  const issued =
    authorityOf(id, [authority]) === undefined ? undefined : await certificates.bySerial(id.serial)
  if (issued === undefined || issued.authority !== authority.id) return { der, status: 'unknown' }
  const { revoked } = issued
  return revoked === undefined ? { der, status: 'good' } : { der, status: 'revoked', revoked }
}

/** By GET, the message stands in the path; a slash within it may be escaped or not. @throws {Asn1Error} */
function messageOf({ method, path, body }: Visit): Buffer {
  if (method === 'POST') return body
  const text = path.slice(ocspPath.length + 1)
  if (text.length > 4096) throw new Asn1Error('Too long')
  let plain: string
  try {
    plain = decodeURIComponent(text)
  } catch (cause) {
    throw new Asn1Error('Not base64', { cause })
  }
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) throw new Asn1Error('Not base64')
  return Buffer.from(plain, 'base64')
}

function failed(
  outcome: 'malformed' | 'unauthorized' | 'unavailable',
  { onAnswered }: OcspDependencies,
): Answer {
  onAnswered?.(outcome)
  return answer(failure(outcome), false)
}

function answer(body: Buffer, isCacheable: boolean): Answer {
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/ocsp-response'],
      ['Cache-Control', isCacheable ? `public, no-transform, max-age=${cachedFor}` : 'no-store'],
    ],
    body,
  }
}
