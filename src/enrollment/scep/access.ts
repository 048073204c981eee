import type { X509Certificate } from 'node:crypto'
import type { Secret } from '../../settings/secret.ts'

/** Where a device gets its certificate, and what it shows there. */
export interface ScepAccess {
  readonly url: string
  /** Undefined: none is asked for. */
  readonly challenge: string | undefined
  /** Whose answers the device believes. */
  readonly authority: X509Certificate
}

/** What devices need to know of a SCEP server behind. */
export interface BehindAccess {
  readonly issuer: X509Certificate
  /** That server's own password, the same for all. */
  readonly challenge?: Secret
}

/**
 * A server behind gets its messages as they are, encrypted to it: our challenge cannot be in them. It stands in the address instead, so
 * that we know whose key it is that asks there (`proxy.ts`).
 */
export function scepAccess(
  challenge: string,
  {
    url,
    authority,
    behind,
  }: { readonly url: string; readonly authority: X509Certificate; readonly behind?: BehindAccess },
): ScepAccess {
  if (behind === undefined) return { url, challenge, authority }
  return { url: `${url}/${challenge}`, challenge: behind.challenge?.reveal(), authority: behind.issuer }
}

/** Our challenge in the path of a request to `url`; undefined where there is none. */
export function challengeInPath(path: string, root: string): string | undefined {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined
}
