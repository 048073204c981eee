import { tokenHasher, tokenPepper } from '../evidence/mdm-token/hash.ts'
import type { AssessDependencies } from '../gateway/assess.ts'
import { KnownMdmTokens } from '../gateway/known-mdm-tokens.ts'
import { MdmTokenUses } from '../gateway/mdm-token-uses.ts'
import { createTokenReader } from '../gateway/presented-token.ts'
import type { GatewayParts } from './gateway-parts.ts'
import { failureReporter } from './report-failure.ts'

/** What a gateway process does with MDM tokens. */
export interface GatewayTokens {
  /** Also what the company app's registration asks (`MdmTokenVerifier`). */
  readonly known: KnownMdmTokens
  readonly uses: MdmTokenUses
  readonly assess: AssessDependencies['mdmTokens']
  /** Never rejects. */
  readonly remember: (registrationId: string, tokenId: string) => Promise<void>
}

/** @throws RecordUnavailable when the tokens cannot be read: a gateway does not start without knowing them */
export async function openMdmTokens(parts: GatewayParts, staleFor: () => number): Promise<GatewayTokens> {
  const { store, settings, shared, now, monotonic, random, logger } = parts
  const failed = failureReporter(logger, 'warn')
  const hash = tokenHasher(await store.keys.getOrCreate(tokenPepper, random.secret))
  const onError = (error: unknown) => failed(error, 'MDM tokens are not up to date')
  const known = new KnownMdmTokens({ tokens: store.mdmTokens, hash, monotonic, staleFor, onError })
  await known.refresh()
  const uses = new MdmTokenUses({ tokens: store.mdmTokens, now, onError })
  const presented = createTokenReader({
    ...settings.mdmTokens,
    known,
    hash,
    now,
    counters: shared.counters,
    onError,
  })
  return {
    known,
    uses,
    assess: {
      presented,
      ready: () => known.ready(),
      standing: (id, at) => known.standing(id, at),
    },
    remember: (registrationId, tokenId) =>
      store.mdmTokens.remember(registrationId, tokenId).catch((error: unknown) => {
        failed(error, 'the MDM token could not be remembered', { registration: registrationId })
      }),
  }
}
