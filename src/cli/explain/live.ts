import { createTokenVerifier } from '../../clients/verify-token.ts'
import { VendorNews } from '../../devices/vendor-news.ts'
import type { ClientKey } from '../../domain/client-identity.ts'
import type { Explanation } from '../../domain/decision.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import { ActiveBypasses } from '../../gateway/active-bypasses.ts'
import { type Assessment, assess } from '../../gateway/assess.ts'
import { Routes } from '../../gateway/routing.ts'
import { isRefused, type Refused } from '../../gateway/wire/refused.ts'
import { fetchLimited } from '../../lib/fetch-limited.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { explain } from '../../policy/decide.ts'
import type { Settings } from '../../settings/settings.ts'
import type { Store } from '../../store/ports.ts'
import { type Assumptions, assumeState, assumingRoute } from './assume.ts'
import { knownTokens } from './known-tokens.ts'
import { buildRequest, type RequestFlags } from './request.ts'

/** What explaining needs of the installation. */
export interface Installation {
  readonly settings: Settings
  readonly policy: CompiledPolicy
  readonly store: Store
}

export type Explained =
  | { readonly kind: 'refused-at-the-edge'; readonly refused: Refused }
  | { readonly kind: 'no-service'; readonly head: RequestHead; readonly why: 'host.unknown' | 'own-page' }
  | {
      readonly kind: 'assessed'
      readonly head: RequestHead
      readonly assessment: Assessment
      readonly explanation: Explanation
    }

/** The way of a request up to its decision, by the gateway's own functions. Nothing is forwarded, nothing changed. */
export async function explainRequest(
  flags: RequestFlags,
  assumed: Assumptions,
  { settings, policy, store }: Installation,
): Promise<Explained> {
  const now = () => flags.at
  const routes = new Routes(settings.services, settings.gateway.hosts, {
    now,
    verifyToken: createTokenVerifier({ fetch: fetchLimited, now }),
    userOfGrant: (key) => store.grants.userOf(key.hash, now()),
  })
  const head = buildRequest(flags, settings, routes)
  if (isRefused(head)) return { kind: 'refused-at-the-edge', refused: head }
  const destination = routes.destination(head)
  if (destination.kind === 'unknown-host') return { kind: 'no-service', head, why: 'host.unknown' }
  if (destination.kind === 'own-page') return { kind: 'no-service', head, why: 'own-page' }
  const { route } = destination
  const request = { service: route.service.name, source: head.source.address, at: flags.at }
  const copy = { monotonic: () => 0, onError: () => {} }
  const bypasses = new ActiveBypasses({ ...copy, bypasses: store.bypasses, now })
  await bypasses.refresh()
  const vendors = new VendorNews({ ...copy, sweeps: store.sweeps })
  await vendors.refresh()
  const find = async (keys: readonly ClientKey[]) => {
    const found = await store.registrations.findByKeys(
      keys.map((key) => key.hash),
      flags.at,
    )
    return assumeState(found?.state, assumed, request)
  }
  const assessment = await assess({ head }, assumingRoute(route, assumed), {
    devices: { find },
    approvals: store.approvals,
    policy: () => policy,
    bypassUntil: (service) => bypasses.until(service),
    vendorSeen: () => vendors.seen(),
    vouchedNetworks: () => [],
    mdmTokens: await knownTokens(store, settings, flags.at),
  })
  const { facts, state, decision } = assessment
  // As the gateway keeps it with a refusal: what was decided before any rule stands over what the rules would say.
  const explanation = { ...explain(facts, state, policy, flags.at), decision }
  return { kind: 'assessed', head, assessment, explanation }
}
