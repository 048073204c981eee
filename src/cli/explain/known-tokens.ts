import { tokenHasher, tokenPepper } from '../../evidence/mdm-token/hash.ts'
import type { AssessDependencies } from '../../gateway/assess.ts'
import { KnownMdmTokens } from '../../gateway/known-mdm-tokens.ts'
import { createTokenReader } from '../../gateway/presented-token.ts'
import { systemRandom } from '../../lib/random.ts'
import type { Settings } from '../../settings/settings.ts'
import type { Store } from '../../store/ports.ts'

/** The MDM tokens as they are in the record now. Nothing is counted. */
export async function knownTokens(
  store: Store,
  { mdmTokens }: Settings,
  at: number,
): Promise<AssessDependencies['mdmTokens']> {
  const hash = tokenHasher(await store.keys.getOrCreate(tokenPepper, systemRandom().secret))
  const now = () => at
  const onError = () => {}
  const known = new KnownMdmTokens({
    tokens: store.mdmTokens,
    hash,
    monotonic: () => 0,
    staleFor: () => 0,
    onError,
  })
  await known.refresh()
  const counters = { hit: async () => 0 }
  return {
    presented: createTokenReader({ ...mdmTokens, known, hash, now, counters, onError }),
    ready: () => known.ready(),
    standing: (id, time) => known.standing(id, time),
  }
}
