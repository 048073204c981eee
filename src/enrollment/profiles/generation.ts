import type { IssuedCertificate } from '../../domain/issued-certificate.ts'

/**
 * Which certificate of the device a profile takes the place of: another one, another revision of the profile, so that it is installed
 * again. The last certificate that came with the profile, when it ends soon; else the one that this has replaced already, so that
 * the revision stays what it is.
 * @param issued certificates of the enrollment
 * @returns its serial; undefined: none came with it so far, or only its first
 */
export function replacedBy(
  issued: readonly IssuedCertificate[],
  { profile, endsBefore }: { readonly profile: string; readonly endsBefore: number },
): string | undefined {
  const own = issued.filter((one) => one.profile === profile)
  const last = own.reduce<IssuedCertificate | undefined>(
    (latest, one) => (latest === undefined || one.issuedAt > latest.issuedAt ? one : latest),
    undefined,
  )
  if (last === undefined) return undefined
  // Who revokes a certificate does not mean to hand out another one.
  return last.notAfter <= endsBefore && last.revoked === undefined ? last.serial : last.predecessor
}
