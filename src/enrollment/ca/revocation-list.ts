import { sign } from 'node:crypto'
import { type IssuedCertificate, revocationReasons } from '../../domain/issued-certificate.ts'
import { oids } from '../asn1/oids.ts'
import { bitString, enumerated, explicit, integer, octetString, oid, sequence, time } from '../asn1/write.ts'
import { namesOf } from '../cms/certificate-names.ts'
import type { Authority } from './authority.ts'
import { extensions, keyIdentifier, signatureAlgorithm } from './build-certificate.ts'

export interface RevocationListFacts {
  readonly revoked: readonly IssuedCertificate[]
  /** Grows with each list. */
  readonly number: number
  readonly at: number
  /** Until when it may be used. */
  readonly nextUpdate: number
}

/** @returns a revocation list (RFC 5280, 5), DER */
export function buildRevocationList(
  { revoked, number, at, nextUpdate }: RevocationListFacts,
  authority: Authority,
): Buffer {
  const names = namesOf(authority.certificate)
  const signature = signatureAlgorithm(authority.key)
  const entries = revoked.map(entryOf)
  const toBeSigned = sequence(
    integer(1),
    signature,
    names.subject,
    time(at),
    time(nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    explicit(
      0,
      sequence(
        extensions.authorityKey(names.subjectKeyIdentifier ?? keyIdentifier(names.publicKeyInfo)),
        extensions.crlNumber(number),
      ),
    ),
  )
  return sequence(toBeSigned, signature, bitString(sign('sha256', toBeSigned, authority.key)))
}

function entryOf({ serial, revoked }: IssuedCertificate): Buffer {
  const padded = serial.length % 2 === 1 ? `0${serial}` : serial
  const reason = revocationReasons[revoked?.reason ?? 'unspecified']
  return sequence(
    integer(Buffer.from(padded, 'hex')),
    time(revoked?.at ?? 0),
    // `unspecified` is said by saying nothing (RFC 5280, 5.3.1).
    ...(reason === 0 ? [] : [sequence(sequence(oid(oids.crlReason), octetString(enumerated(reason))))]),
  )
}
