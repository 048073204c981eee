import { proxiedAuthority } from '../../domain/issued-certificate.ts'
import type { ProfileCertificate } from '../../store/certificate-ports.ts'

export interface RenewalTimes {
  readonly now: number
  /** Milliseconds before its end at which a certificate is renewed. */
  readonly renewBefore: number
}

/**
 * Which certificate of the device a profile takes the place of: another one, another revision of the profile, so that it is installed
 * again. The last certificate that came with the profile, when it ends soon; else the one that this has replaced already, so that
 * the revision stays what it is.
 * @param issued certificates of the enrollment
 * @returns its serial; undefined: none came with it so far, or only its first
 */
export function replacedBy(
  issued: readonly ProfileCertificate[],
  { profile, now, renewBefore }: RenewalTimes & { readonly profile: string },
): string | undefined {
  const own = issued.filter((one) => one.profile === profile)
  const last = own.reduce<ProfileCertificate | undefined>(
    (latest, one) => (latest === undefined || one.issuedAt > latest.issuedAt ? one : latest),
    undefined,
  )
  if (last === undefined) return undefined
  // Who revokes a certificate does not mean to hand out another one.
  const isDue = last.notAfter - leadOf(last, renewBefore) <= now
  return isDue && last.revoked === undefined ? last.serial : last.predecessor
}

/** A server behind may issue for less than `renewBefore`: its certificates would be renewed without end. */
function leadOf({ authority, notBefore, notAfter }: ProfileCertificate, renewBefore: number): number {
  return authority === proxiedAuthority ? Math.min(renewBefore, (notAfter - notBefore) / 2) : renewBefore
}
