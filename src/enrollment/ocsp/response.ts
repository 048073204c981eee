import { sign } from 'node:crypto'
import { type Revocation, revocationReasons } from '../../domain/issued-certificate.ts'
import { oids } from '../asn1/oids.ts'
import {
  bitString,
  enumerated,
  explicit,
  generalizedTime,
  implicit,
  octetString,
  oid,
  sequence,
} from '../asn1/write.ts'
import type { Authority } from '../ca/authority.ts'
import { keyIdentifier, signatureAlgorithm } from '../ca/build-certificate.ts'
import { namesOf } from '../cms/certificate-names.ts'

export type CertificateStatus =
  | { readonly status: 'good' | 'unknown' }
  | { readonly status: 'revoked'; readonly revoked: Revocation }

/** Of the certificate with this CertID, in DER as it was asked for. */
export type SingleStatus = CertificateStatus & { readonly der: Buffer }

/** OCSPResponseStatus (RFC 6960, 4.2.1). */
const failures = { malformed: 1, unavailable: 3, unauthorized: 6 } as const

/** An answer without any content, which nobody signs. */
export function failure(why: keyof typeof failures): Buffer {
  return sequence(enumerated(failures[why]))
}

export interface OcspFacts {
  readonly statuses: readonly SingleStatus[]
  readonly at: number
  readonly nextUpdate: number
  /** What the extension of the request held. */
  readonly nonce?: Buffer
}

/** @returns DER of a whole answer, signed by the authority itself */
export function signedResponse({ statuses, at, nextUpdate, nonce }: OcspFacts, authority: Authority): Buffer {
  const { publicKeyInfo } = namesOf(authority.certificate)
  const nonceExtension = nonce && sequence(oid(oids.ocspNonce), octetString(nonce))
  const data = sequence(
    explicit(2, octetString(keyIdentifier(publicKeyInfo))),
    generalizedTime(at),
    sequence(...statuses.map((one) => single(one, at, nextUpdate))),
    ...(nonceExtension === undefined ? [] : [explicit(1, sequence(nonceExtension))]),
  )
  const basic = sequence(
    data,
    signatureAlgorithm(authority.key),
    bitString(sign('sha256', data, authority.key)),
  )
  return sequence(enumerated(0), explicit(0, sequence(oid(oids.ocspBasic), octetString(basic))))
}

function single(status: SingleStatus, at: number, nextUpdate: number): Buffer {
  return sequence(
    status.der,
    statusChoice(status),
    generalizedTime(at),
    explicit(0, generalizedTime(nextUpdate)),
  )
}

const nothing = Buffer.alloc(0)

/** `good [0]`, `revoked [1]` with time and reason, `unknown [2]`, all tagged implicitly. */
function statusChoice(status: CertificateStatus): Buffer {
  if (status.status !== 'revoked') return implicit(status.status === 'good' ? 0 : 2, nothing)
  const { at, reason } = status.revoked
  const number = revocationReasons[reason]
  return explicit(1, generalizedTime(at), ...(number === 0 ? [] : [explicit(0, enumerated(number))]))
}
