import { createHash, type X509Certificate } from 'node:crypto'
import { type IssuedCertificate, proxiedAuthority } from '../../domain/issued-certificate.ts'
import { sha256 } from '../../lib/hash.ts'
import type { PinnedIdentity } from '../../store/enrollment-ports.ts'
import type { Store } from '../../store/ports.ts'
import { isUnbound } from '../direct.ts'
import type { IdentitiesBehind } from '../scep/behind.ts'

/** What our certificate authority knows of identities. */
export interface Identities {
  /** undefined: it is none of ours. */
  find(certificate: X509Certificate): Promise<IssuedIdentity | undefined>
}

export interface IssuedIdentity {
  readonly user?: string
  /** The device that it was issued for, where that was known then: its UDID. */
  readonly device?: string
  /** Hash of the challenge that it was asked for with. */
  readonly challenge?: string
  readonly revoked: boolean
  /** It was revoked, and one that renews it was not: the device may hold that one. */
  readonly outlived: boolean
  readonly notAfter: number
  /** Fingerprints of those that it renews, the last one first. */
  readonly renews: readonly string[]
}

export function fingerprintOf(certificate: X509Certificate): string {
  return sha256(certificate.raw)
}

export function pinnedIdentity(certificate: X509Certificate): PinnedIdentity {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return {
    certificate: fingerprintOf(certificate),
    publicKey: createHash('sha256').update(spki).digest('base64url'),
  }
}

/** Renewals that were never used in between. */
const mostRenewals = 8

/**
 * Ours is what is in the record byte for byte: issued by one of our authorities, whichever of them issues now, or through us by a
 * SCEP server behind.
 *
 * @param behind undefined while the settings name none: what it has issued does not count, then
 */
export function identitiesOf(
  { certificates }: Pick<Store, 'certificates'>,
  behind?: Pick<IdentitiesBehind, 'recordOf'>,
): Identities {
  const recordOf = async (certificate: X509Certificate): Promise<IssuedCertificate | undefined> => {
    const issued = await certificates.byFingerprint(fingerprintOf(certificate))
    if (issued !== undefined && issued.authority !== proxiedAuthority) return issued
    return behind?.recordOf(certificate)
  }
  const renewedBy = async (issued: IssuedCertificate): Promise<readonly string[]> => {
    const chain: string[] = []
    let { predecessor } = issued
    while (predecessor !== undefined && chain.length < mostRenewals) {
      const before = await certificates.bySerial(predecessor)
      if (before === undefined) break
      chain.push(before.fingerprint)
      predecessor = before.predecessor
    }
    return chain
  }
  const isOutlived = async ({ serial, enrollment, revoked }: IssuedCertificate): Promise<boolean> => {
    if (revoked === undefined) return false
    const line = new Set([serial])
    for (const one of (await certificates.ofEnrollment(enrollment)).toReversed()) {
      if (one.predecessor === undefined || !line.has(one.predecessor)) continue
      if (one.revoked === undefined) return true
      line.add(one.serial)
    }
    return false
  }
  return {
    async find(certificate) {
      const issued = await recordOf(certificate)
      if (issued === undefined || issued.purpose !== 'device') return undefined
      // For a Wi-Fi or a mail account: it speaks for no enrollment.
      if (issued.profile !== undefined) return undefined
      const isBound = !isUnbound(issued.enrollment)
      return {
        ...(issued.user !== undefined && { user: issued.user.toLowerCase() }),
        ...(isBound && { device: issued.enrollment }),
        ...(issued.challenge !== undefined && { challenge: issued.challenge }),
        revoked: issued.revoked !== undefined,
        outlived: await isOutlived(issued),
        notAfter: issued.notAfter,
        renews: await renewedBy(issued),
      }
    },
  }
}
