import type { UpstreamAnswer } from '../clients/protocol.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import type { Approvals } from '../store/ports.ts'
import type { Assessment } from './assess.ts'
import { awaitApproval } from './await-approval.ts'
import type { ClientSide } from './client-side.ts'
import type { FreshNews } from './fresh-news.ts'
import type { IdentityFields } from './identity-fields.ts'
import { isLetThrough, type LiveExchange, type LiveExchanges } from './live-exchanges.ts'
import { type OsUpdates, tellsNewerOs } from './os-updates.ts'
import type { Outcome } from './outcome.ts'
import { type RedirectDependencies, redirect } from './redirect.ts'
import { refuse } from './refuse.ts'
import { isProved, type RegisterDependencies, showsNewToken, witnessAnswer } from './register.ts'
import type { Relay, RelayOutcome } from './relay/relay.ts'
import { sendAnswer } from './send-answer.ts'

export interface EnactDependencies {
  readonly relay: Pick<Relay, 'forward'>
  readonly live: LiveExchanges
  readonly identityFields: IdentityFields
  readonly register: RegisterDependencies
  readonly redirect: RedirectDependencies
  readonly approvals: Pick<Approvals, 'request'>
  readonly freshNews: Pick<FreshNews, 'want'>
  readonly policy: () => CompiledPolicy
  readonly pendingApprovals: number
  readonly newSecret: () => string
  /** A sign-in came with this token, whatever became of it. */
  readonly tokenUsed: (id: string) => void
  readonly osUpdates: Pick<OsUpdates, 'told'>
}

export interface Enacting {
  readonly assessment: Assessment
  readonly client: ClientSide
  readonly onRegistrationHost: boolean
}

/** Does what the decision says. */
export function enact(enacting: Enacting, deps: EnactDependencies): Outcome | Promise<Outcome> {
  const { assessment, client } = enacting
  const { decision, facts, mdmTokenId } = assessment
  if (facts.signIn && mdmTokenId !== undefined) deps.tokenUsed(mdmTokenId)
  if (isLetThrough(decision)) return letThrough(enacting, deps)
  switch (decision.verdict) {
    case 'redirect':
      return redirect(assessment, client, decision, deps.redirect)
    case 'await-approval':
      return awaitApproval(assessment, client, deps)
    default:
      deps.freshNews.want(assessment)
      return refuse(assessment, client, decision.reason)
  }
}

function letThrough(enacting: Enacting, deps: EnactDependencies): Outcome | Promise<Outcome> {
  const { assessment, client, onRegistrationHost } = enacting
  const { head } = assessment.request
  if (head.upgrade !== undefined && !isOwnOrigin(assessment)) return refuse(assessment, client, 'http.origin')
  const back = onRegistrationHost ? wayBack(assessment, deps.policy()) : undefined
  if (back === undefined) return forward(assessment, client, deps)
  sendAnswer(client, head, back)
  return { status: back.status, reason: assessment.decision.reason }
}

/** A client that is registered by now needs the registration address no more, unless the policy asks for its network. */
function wayBack({ route, request, state, facts }: Assessment, policy: CompiledPolicy) {
  const publicHost = route.service.hosts[0]
  if (state === undefined || publicHost === undefined) return undefined
  const elsewhere = { ...facts, source: noNetwork, vouchedNetworks: [] }
  if (!isLetThrough(decide(elsewhere, state, policy, request.head.receivedAt))) return undefined
  const port = /:\d+$/.exec(request.head.authority)?.[0] ?? ''
  return route.protocol.bringBack?.(request.head, `${request.head.scheme}://${publicHost}${port}`)
}

/** An address that nobody has. */
const noNetwork = '0.0.0.0'

/**
 * Cross-site WebSocket hijacking: a foreign page may open a WebSocket with the user's cookies, and no CORS check stops
 * it. Programs other than browsers send no Origin.
 */
function isOwnOrigin({ route, request }: Assessment): boolean {
  const { head } = request
  const origin = head.fields.get('origin')
  if (origin === undefined) return true
  return origin === `${head.scheme}://${head.authority}` || route.service.origins.includes(origin)
}

async function forward(
  assessment: Assessment,
  client: ClientSide,
  deps: EnactDependencies,
): Promise<Outcome> {
  const { route, request, identification, decision } = assessment
  client.limitBody(route.service.maxBody)
  const exchange = deps.live.follow(assessment, client)
  let replacedBy: ReasonCode | undefined
  const newerOs = tellsNewerOs(assessment)
  // Who only claims to be this client must not change what is known of it.
  if (newerOs && showsItself(assessment)) deps.osUpdates.told(assessment)
  const watched =
    decision.verdict === 'register' ||
    (identification.signIn && (newerOs || showsNewToken(assessment))) ||
    route.protocol.watches(request, identification)
  const witness = async (answer: UpstreamAnswer) => {
    const verdict = await witnessAnswer(assessment, client, answer, following(exchange, deps))
    if (verdict !== undefined && 'replace' in verdict) replacedBy = verdict.reason
    return verdict
  }
  const relay = await deps.relay.forward({
    service: route.service,
    head: request.head,
    client,
    addFields: ['Gatehouse-Request', request.head.id, ...identityOf(assessment, deps)],
    body: request.body,
    readsAnswer: watched
      ? (answer) => route.protocol.readsAnswer(request, identification, answer)
      : undefined,
    onAnswer: watched ? witness : undefined,
  })
  return { status: relay.status, reason: replacedBy ?? endOf(relay) ?? decision.reason, relay }
}

/** By a certificate, a key or the secret of its cookie; anything else is for the upstream to judge. */
function showsItself({ state }: Assessment): boolean {
  const binding = state?.registration.binding
  return binding === 'cookie' || (binding !== undefined && isProved(binding))
}

/** The upstream is told of a client that the request has proved, or has shown the credentials of; not of a mere claim. */
function identityOf(assessment: Assessment, { identityFields }: EnactDependencies): readonly string[] {
  const { identification, state } = assessment
  const claimed = identification.unproven === true && state?.registration.binding === 'claimed'
  return claimed ? [] : identityFields.of(assessment)
}

function following(
  exchange: LiveExchange,
  { live, register, osUpdates }: EnactDependencies,
): RegisterDependencies {
  return {
    ...register,
    onAccepted: (assessment) => osUpdates.told(assessment),
    onRegistered(state, keys) {
      const told = register.onRegistered(state, keys)
      live.registered(exchange, state, keys)
      return told
    },
  }
}

function endOf(relay: RelayOutcome): ReasonCode | undefined {
  if (relay.ended === 'completed') return undefined
  return relay.ended === 'cut-off' ? 'device.cut-off' : relay.ended
}
