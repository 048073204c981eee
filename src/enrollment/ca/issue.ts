import { X509Certificate } from 'node:crypto'
import type { CertificatePurpose, IssuedCertificate } from '../../domain/issued-certificate.ts'
import { oids } from '../asn1/oids.ts'
import { namesOf } from '../cms/certificate-names.ts'
import { type Authority, clockSkew, newSerial } from './authority.ts'
import { alternativeName, buildCertificate, extensions, keyIdentifier, nameOf } from './build-certificate.ts'
import { fingerprintOf, publicKeyHash } from './names.ts'

/** What a certificate shall say. Nothing of it comes from the request but the key. */
export interface Issue {
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer
  readonly purpose: CertificatePurpose
  readonly enrollment: string
  readonly user?: string
  readonly organisation: string
  /** Where the authority's revocation list is. */
  readonly crlUrl?: string
  /** Where its OCSP responder is. */
  readonly ocspUrl?: string
  /** Milliseconds. */
  readonly validity: number
  readonly at: number
  readonly transaction?: string
  readonly challenge?: string
  readonly predecessor?: string
}

/**
 * Signs a certificate. It holds only when the record has taken it (`Certificates.issue`); until then nobody may get it.
 */
export function issueCertificate(issue: Issue, authority: Authority): IssuedCertificate {
  const { publicKeyInfo, purpose, enrollment, user, at, transaction, challenge, predecessor } = issue
  const names = namesOf(authority.certificate)
  const notBefore = at - clockSkew
  const notAfter = Math.min(at + issue.validity, authority.certificate.validToDate.getTime())
  const der = buildCertificate(
    {
      serial: newSerial(),
      issuer: names.subject,
      subject: nameOf({ commonName: enrollment, organisation: issue.organisation }),
      publicKeyInfo,
      notBefore,
      notAfter,
      extensions: [
        extensions.notAuthority(),
        ...usageOf(purpose),
        extensions.subjectKey(keyIdentifier(publicKeyInfo)),
        extensions.authorityKey(names.subjectKeyIdentifier ?? keyIdentifier(names.publicKeyInfo)),
        ...(user === undefined ? [] : [extensions.alternativeNames([alternativeName.userPrincipal(user)])]),
        ...(issue.crlUrl === undefined ? [] : [extensions.revocationList(issue.crlUrl)]),
        ...(issue.ocspUrl === undefined ? [] : [extensions.statusResponder(issue.ocspUrl)]),
      ],
    },
    authority.key,
  )
  const certificate = new X509Certificate(der)
  return {
    serial: certificate.serialNumber,
    authority: authority.id,
    purpose,
    fingerprint: fingerprintOf(der),
    publicKey: publicKeyHash(publicKeyInfo),
    enrollment,
    certificate: der.toString('base64'),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    issuedAt: at,
    ...(user !== undefined && { user }),
    ...(transaction !== undefined && { transaction }),
    ...(challenge !== undefined && { challenge }),
    ...(predecessor !== undefined && { predecessor }),
  }
}

/** Devices sign, decrypt their profiles, and prove themselves to TLS servers. */
function usageOf(purpose: CertificatePurpose): Buffer[] {
  return purpose === 'device'
    ? [extensions.usage('digitalSignature', 'keyEncipherment'), extensions.extendedUsage(oids.clientAuth)]
    : [extensions.usage('digitalSignature'), extensions.extendedUsage(oids.emailProtection)]
}

export function certificateOf({ certificate }: IssuedCertificate): X509Certificate {
  return new X509Certificate(Buffer.from(certificate, 'base64'))
}
