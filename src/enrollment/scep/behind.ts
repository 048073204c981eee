import { createHash, type X509Certificate } from 'node:crypto'
import { type IssuedCertificate, proxiedAuthority, proxiedSerial } from '../../domain/issued-certificate.ts'
import { sha256 } from '../../lib/hash.ts'
import type { Store } from '../../store/ports.ts'
import { issuerOf, validAt } from '../cms/trust.ts'

export interface BehindDependencies {
  /** The CAs that issue at the SCEP server behind. */
  readonly issuers: readonly X509Certificate[]
  readonly store: Pick<Store, 'certificates' | 'proxiedKeys'>
  readonly now: () => number
}

const clientAuth = '1.3.6.1.5.5.7.3.2'

/**
 * Certificates that a SCEP server behind has issued through us. Its CA issues to others as well, and what a certificate says of its
 * holder is that CA's affair: so one counts here only when its key is one that has shown a challenge of ours on its way there,
 * and it is the device of that challenge, whatever name is in it. The first certificate of a key is taken down when it is
 * first shown, and no other of that key counts.
 */
export class IdentitiesBehind {
  readonly #deps: BehindDependencies

  constructor(deps: BehindDependencies) {
    this.#deps = deps
  }

  /** What the record says of it; undefined: it is none of these. */
  async recordOf(certificate: X509Certificate): Promise<IssuedCertificate | undefined> {
    const { certificates } = this.#deps.store
    const issuer = issuerOf(certificate, this.#deps.issuers)
    if (issuer === undefined) return undefined
    const known = await certificates.byFingerprint(sha256(certificate.raw))
    if (known !== undefined) return known.authority === proxiedAuthority ? known : undefined
    await this.#learn(certificate, issuer)
    // What the record has now: another process may have been faster, with another certificate of this key.
    return certificates.byFingerprint(sha256(certificate.raw))
  }

  async #learn(certificate: X509Certificate, issuer: X509Certificate): Promise<void> {
    const { store, now } = this.#deps
    const at = now()
    if (!mayIdentify(certificate) || !validAt(certificate, at) || !validAt(issuer, at)) return
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
    const publicKey = createHash('sha256').update(spki).digest('base64url')
    const key = await store.proxiedKeys.find(publicKey)
    if (key === undefined || key.endedAt !== undefined) return
    await store.proxiedKeys.learn(
      {
        serial: proxiedSerial(publicKey),
        authority: proxiedAuthority,
        purpose: 'device',
        fingerprint: sha256(certificate.raw),
        publicKey,
        enrollment: key.enrollment,
        ...(key.user !== undefined && { user: key.user }),
        certificate: certificate.raw.toString('base64'),
        notBefore: certificate.validFromDate.getTime(),
        notAfter: certificate.validToDate.getTime(),
        issuedAt: at,
        challenge: key.challenge,
      },
      { name: 'enrollment', at },
    )
  }
}

/** Not a CA, and for TLS clients where it says what it is for. Node calls the extended key usage `keyUsage`. */
function mayIdentify({ ca, keyUsage }: X509Certificate): boolean {
  return !ca && (keyUsage === undefined || keyUsage.includes(clientAuth))
}
