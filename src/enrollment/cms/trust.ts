import type { X509Certificate } from 'node:crypto'

export interface TrustOptions {
  /** Milliseconds since the epoch; when not given, dates are not looked at (Apple's device CA expired in 2014). */
  readonly at?: number
}

/** Which of the authorities has issued this certificate: by its signature, not by its name. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  { at }: TrustOptions = {},
): X509Certificate | undefined {
  if (at !== undefined && !validAt(certificate, at)) return undefined
  return authorities.find(
    (authority) =>
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey) &&
      (at === undefined || validAt(authority, at)),
  )
}

export function validAt({ validFromDate, validToDate }: X509Certificate, at: number): boolean {
  return validFromDate.getTime() <= at && at <= validToDate.getTime()
}
