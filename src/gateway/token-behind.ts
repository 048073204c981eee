import type { RequestFacts } from '../domain/decision.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { KnownMdmTokens } from './known-mdm-tokens.ts'
import type { PresentedToken } from './presented-token.ts'

/** Which MDM token stands behind a client, and whether it still counts. */
export interface TokenBehind {
  readonly mdmToken: RequestFacts['mdmToken']
  /** The active one that the request shows. */
  readonly shownTokenId?: string
  /** The one that speaks for the client, or did while it was active. */
  readonly mdmTokenId?: string
}

/**
 * The token that the request shows, when it is active; otherwise the one that is remembered of the client: an app that
 * sends the old token for a while yet does no harm to a registration that rests on the new one.
 */
export function tokenBehind(
  presented: PresentedToken | undefined,
  state: DeviceState | undefined,
  { known, now }: { readonly known: Pick<KnownMdmTokens, 'standing'>; readonly now: number },
): TokenBehind {
  const shown = presented === undefined ? nothing : standingOf(presented, state)
  if (shown.mdmToken === 'active' && shown.mdmTokenId !== undefined)
    return { ...shown, shownTokenId: shown.mdmTokenId }
  const remembered = state?.registration.mdmTokenId
  if (remembered === undefined) return shown
  const standing = known.standing(remembered, now)
  if (standing === 'active' || shown.mdmToken === undefined)
    return { mdmToken: standing, mdmTokenId: remembered }
  return shown
}

/** Who guesses is a stranger: for a registered client nothing depends on how many wrong tokens its neighbours show. */
function standingOf({ standing, id, limited }: PresentedToken, state: DeviceState | undefined): TokenBehind {
  if (standing === 'malformed') return nothing
  if (limited && state === undefined) return { mdmToken: 'too-many' }
  return id === undefined ? { mdmToken: standing } : { mdmToken: standing, mdmTokenId: id }
}

const nothing: TokenBehind = { mdmToken: undefined }
