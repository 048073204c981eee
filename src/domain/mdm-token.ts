/**
 * A secret that the MDM hands to every device it manages, all of them the same. It tells *that* a device is managed, not which
 * one it is: policies bind it together with other evidence.
 */
export interface MdmToken {
  /** Public id, such as `t_4k2m…`: in the log, the audit and on the command line. */
  readonly id: string
  readonly label?: string
  /** Made by Gatehouse, or typed in by an administrator. */
  readonly origin: 'generated' | 'typed'
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt?: number
  readonly revoked?: { readonly at: number; readonly by: string; readonly why: string }
  /** Sign-ins and pairings for which it spoke, and the last of them; up to a minute behind. */
  readonly uses: number
  readonly lastUsedAt?: number
}

/** Is there a token behind this client? What `unknown` tells about no longer exists, or never did. */
export type TokenStanding = 'active' | 'inactive' | 'unknown'

/** What everybody who receives a token asks, whether it came in a header or in the company app's registration. */
export interface MdmTokenVerifier {
  /**
   * @param token as it was presented, whatever that is
   * @param now milliseconds since the epoch
   * @returns the active token that it is; undefined when it is none, expired or revoked
   * @throws RecordUnavailable when it cannot be known which tokens are active: nobody is let in on it then
   */
  verify(token: string, now: number): Promise<{ readonly id: string } | undefined>
}

export function isActive(token: Pick<MdmToken, 'expiresAt' | 'revoked'>, now: number): boolean {
  return token.revoked === undefined && (token.expiresAt === undefined || token.expiresAt > now)
}
