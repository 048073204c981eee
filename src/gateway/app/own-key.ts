import { createPublicKey } from 'node:crypto'
import { clientKey } from '../../clients/client-key.ts'
import type { ClientRequest } from '../../clients/protocol.ts'
import type { AppDevice } from '../../domain/app-device.ts'
import type { ClientKey } from '../../domain/client-identity.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import { FieldList, type RequestHead } from '../../domain/request-head.ts'
import { boundedMemo } from '../../lib/bounded-memo.ts'
import { digestFits } from '../../lib/http-signatures/content-digest.ts'
import { asymmetricKey, type SignatureKey } from '../../lib/http-signatures/keys.ts'
import { SignatureProblem } from '../../lib/http-signatures/problem.ts'
import { type MessageSignature, readSignatures } from '../../lib/http-signatures/signature.ts'
import { verifySignature } from '../../lib/http-signatures/verify.ts'
import type { CompanyApp } from './company-app.ts'
import { AppRefused } from './refused.ts'
import { asMessage, checkCoverage, checking, checkTimes, claimNonce, freshnessOf } from './signed-request.ts'

/** A request that the company app has signed with the key of its device. */
export interface ProvenKey {
  readonly device: AppDevice
  readonly key: ClientKey
  /** The request as signed by the app, without the fields of the signature: the upstream has no use for them. */
  readonly request: ClientRequest
}

export type OwnKeyReader = (
  request: ClientRequest,
  service: string,
) => Promise<ProvenKey | { readonly problem: ReasonCode } | undefined>

/**
 * Reads the signature of a request that has one. Signatures of others, which upstreams may want for themselves, are left alone: a
 * `keyid` that is no key of the app is none of ours.
 *
 * A body that a client protocol reads is held against its Content-Digest here. One that is streamed is not: its digest is covered by
 * the signature and goes to the upstream, which can check it.
 */
export function createOwnKeyReader(app: CompanyApp): OwnKeyReader {
  // Keys by themselves, which never change; whose they are is read each time.
  const keyOf = boundedMemo(
    1000,
    (publicKey: string): SignatureKey =>
      asymmetricKey(createPublicKey({ key: JSON.parse(publicKey), format: 'jwk' })),
  )
  return async (request, service) => {
    const signature = ownSignature(request.head)
    if (signature?.parameters.keyid === undefined) return undefined
    const device = await app.devices.findByKey(signature.parameters.keyid)
    if (device === undefined) return undefined
    try {
      await check(request, { signature, key: keyOf(device.publicKey) }, app)
    } catch (error) {
      if (error instanceof AppRefused) return { problem: reasonFor(error.reason) }
      throw error
    }
    if (device.revoked !== undefined) return { problem: 'app.revoked' }
    const key = clientKey(service, 'key', device.thumbprint)
    return { device, key, request: withoutSignature(request) }
  }
}

const thumbprintForm = /^[A-Za-z0-9_-]{43}$/

/** The one signature whose `keyid` can be a thumbprint. What cannot be read is not ours to refuse. */
function ownSignature({ fields }: RequestHead): MessageSignature | undefined {
  try {
    const [first, second] = readSignatures(fields.all('signature-input'), fields.all('signature'))
    return second === undefined && thumbprintForm.test(first?.parameters.keyid ?? '') ? first : undefined
  } catch (error) {
    if (error instanceof SignatureProblem) return undefined
    throw error
  }
}

async function check(
  { head, body }: ClientRequest,
  { signature, key }: { readonly signature: MessageSignature; readonly key: SignatureKey },
  app: CompanyApp,
): Promise<void> {
  const { settings, now } = app
  const fresh = freshnessOf(signature)
  checkCoverage(signature, head.hasBody)
  if (!checking(() => verifySignature(signature, asMessage(head), key)))
    throw new AppRefused('app.signature-invalid')
  if (body !== undefined && !checking(() => digestFits(head.fields.all('content-digest'), body)))
    throw new AppRefused('app.digest-mismatch')
  checkTimes(fresh, settings, now())
  await claimNonce(fresh, app)
}

/** What the app's writers can do something about keeps its own reason. */
const telling: readonly ReasonCode[] = [
  'app.stale',
  'app.replayed',
  'app.nonces-unavailable',
  'app.digest-mismatch',
]

function reasonFor(reason: ReasonCode): ReasonCode {
  return telling.includes(reason) ? reason : 'app.proof-invalid'
}

function withoutSignature(request: ClientRequest): ClientRequest {
  const { fields } = request.head
  const kept = [...Array(fields.size).keys()].filter(
    (index) => fields.name(index) !== 'signature' && fields.name(index) !== 'signature-input',
  )
  const rest = new FieldList(
    kept.map((index) => fields.name(index)),
    kept.map((index) => fields.value(index)),
  )
  return { ...request, head: { ...request.head, fields: rest }, signedByApp: true }
}
