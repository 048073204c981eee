import type { KeyObject } from 'node:crypto'
import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import { sha256 } from '../../lib/hash.ts'
import type { IssueOutcome } from '../../store/certificate-ports.ts'
import { publicKeyHash } from '../ca/names.ts'
import type { CertificateRequest } from './certificate-request.ts'
import { type Envelope, messageTypes, type Opened, readRequest } from './message.ts'
import { type ScepDecided, type ScepDependencies, ScepFailure } from './scep.ts'

export interface Decision {
  readonly outcome: Exclude<ScepDecided['outcome'], 'refused'>
  readonly certificate: IssuedCertificate
}

/**
 * Before anything is decrypted: afterwards, an answer that differs would tell what came out.
 *
 * @throws {ScepFailure}
 */
export function checkEnvelope(
  { messageType, digest, signer }: Envelope,
  { legacy }: { readonly legacy: boolean },
): void {
  if (digest === 'sha1' && !legacy) throw new ScepFailure('badAlg', 'SHA-1 is not accepted')
  // The answer is encrypted to the signer, and there is no way to encrypt to an elliptic curve.
  if (signer.publicKey.asymmetricKeyType !== 'rsa') throw new ScepFailure('badAlg', 'Only RSA keys')
  const { pkcsReq, renewalReq, updateReq, certPoll } = messageTypes
  if (![pkcsReq, renewalReq, updateReq, certPoll].some((type) => type === messageType))
    throw new ScepFailure('badRequest', 'This type of message is not served')
}

/** Decides on a message that `checkEnvelope` has let pass. @throws {ScepFailure | ScepUnreadable | RecordUnavailable} */
export async function decideMessage(
  envelope: Envelope,
  opened: Opened,
  deps: ScepDependencies,
): Promise<Decision> {
  const { messageType, signer } = envelope
  if (messageType === messageTypes.certPoll) return poll(envelope, deps)
  const request = readRequest(opened)
  checkKey(request.publicKey)
  const holder = await deps.service.recordOf(signer)
  // Older clients renew by an ordinary request that the old certificate signs.
  if (holder !== undefined) return renew({ envelope, request, holder }, deps)
  if (messageType !== messageTypes.pkcsReq)
    throw new ScepFailure('badCertId', 'The certificate is not one of ours')
  return enroll(envelope, request, deps)
}

/** RSA of a size that holds for as long as the certificate does. */
function checkKey(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (
    key.asymmetricKeyType !== 'rsa' ||
    modulusLength < 2048 ||
    modulusLength > 8192 ||
    publicExponent < 65_537n
  )
    throw new ScepFailure('badAlg', 'The key must be RSA of 2048 bits or more')
}

async function enroll(
  envelope: Envelope,
  request: CertificateRequest,
  deps: ScepDependencies,
): Promise<Decision> {
  const { store, now, service } = deps
  const publicKey = publicKeyHash(request.publicKeyInfo)
  // The certificate that signs proves nothing but its key.
  if (publicKeyHash(keyInfoOf(envelope)) !== publicKey)
    throw new ScepFailure('badRequest', 'The message is signed with another key than the request')
  if (request.challenge === undefined || request.challenge.length > 1024)
    throw new ScepFailure('badRequest', 'The challenge is missing')
  const hash = sha256(request.challenge)
  const challenge = await store.scepChallenges.find(hash)
  if (challenge === undefined) throw new WrongChallenge()
  const { enrollment, user, usedBy, expiresAt } = challenge
  if (usedBy === undefined && expiresAt <= now()) throw new WrongChallenge('The challenge has expired')
  if (usedBy !== undefined && usedBy !== publicKey) throw new WrongChallenge('The challenge was used')
  // Given to another device: a mix-up that would put one device's name on another one's key.
  if (request.commonName !== undefined && request.commonName !== enrollment)
    throw new WrongChallenge('The challenge is for another name')
  const known = await store.certificates.byPublicKey(publicKey)
  const before = known.find((one) => one.challenge === hash)
  if (before !== undefined) return repeated(before, now())
  if (known.some((one) => one.enrollment !== enrollment))
    throw new ScepFailure('badRequest', 'The key belongs to another device')
  const issued = await service.issue({
    publicKeyInfo: request.publicKeyInfo,
    purpose: 'device',
    enrollment,
    ...(user !== undefined && { user }),
    transaction: envelope.transaction,
    challenge: hash,
  })
  return { outcome: 'issued', certificate: taken(issued) }
}

/** Guessed, replayed or somebody else's: these are counted. */
export class WrongChallenge extends ScepFailure {
  constructor(message = 'The challenge is not valid') {
    super('badRequest', message)
    this.name = 'WrongChallenge'
  }
}

interface Renewal {
  readonly envelope: Envelope
  readonly request: CertificateRequest
  /** The certificate that has signed. */
  readonly holder: IssuedCertificate
}

async function renew({ envelope, request, holder }: Renewal, deps: ScepDependencies): Promise<Decision> {
  const { store, now, service, renewalGrace } = deps
  const { enrollment, user, serial } = holder
  const { transaction } = envelope
  if (holder.purpose !== 'device') throw new ScepFailure('badCertId', 'This certificate is not renewed')
  if (holder.revoked !== undefined) throw new ScepFailure('badCertId', 'The certificate was revoked')
  if (now() > holder.notAfter + renewalGrace)
    throw new ScepFailure('badTime', 'The certificate ended too long ago')
  const known = await store.certificates.byPublicKey(publicKeyHash(request.publicKeyInfo))
  const before = known.find((one) => one.predecessor === serial && one.transaction === transaction)
  if (before !== undefined) return repeated(before, now())
  if (known.some((one) => one.enrollment !== enrollment))
    throw new ScepFailure('badRequest', 'The key belongs to another device')
  const issued = await service.issue({
    publicKeyInfo: request.publicKeyInfo,
    purpose: 'device',
    enrollment,
    ...(user !== undefined && { user }),
    transaction,
    predecessor: serial,
  })
  return { outcome: 'renewed', certificate: taken(issued) }
}

/** A client that has not heard our answer asks for the certificate of its transaction; the key proves that it is its own. */
async function poll(envelope: Envelope, { store, now }: ScepDependencies): Promise<Decision> {
  const known = await store.certificates.byPublicKey(publicKeyHash(keyInfoOf(envelope)))
  const found = known.find((one) => one.transaction === envelope.transaction)
  if (found === undefined) throw new ScepFailure('badCertId', 'There is no such transaction')
  return repeated(found, now())
}

function repeated(certificate: IssuedCertificate, now: number): Decision {
  if (certificate.revoked !== undefined) throw new ScepFailure('badCertId', 'The certificate was revoked')
  if (certificate.notAfter < now) throw new ScepFailure('badTime', 'The certificate has ended')
  return { outcome: 'repeated', certificate }
}

function taken(outcome: IssueOutcome): IssuedCertificate {
  switch (outcome.outcome) {
    case 'issued':
      return outcome.certificate
    case 'revoked':
      throw new ScepFailure('badCertId', 'The certificate was revoked')
    case 'too-many':
      throw new ScepFailure('badRequest', 'Too many renewals of this certificate are good still')
    case 'challenge-used':
      throw new WrongChallenge('The challenge was used')
    case 'challenge-unknown':
      throw new WrongChallenge()
  }
}

function keyInfoOf({ signer }: Envelope): Buffer {
  return signer.publicKey.export({ type: 'spki', format: 'der' })
}
