import type { ClientRequest } from '../clients/protocol.ts'
import type { DeviceStates } from '../devices/device-states.ts'
import type { Identification } from '../domain/client-identity.ts'
import type { Decision, RequestFacts } from '../domain/decision.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { collectEvidence } from '../evidence/table.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import type { Approval, Approvals } from '../store/ports.ts'
import { type AppProof, type AppReaders, isSigned, mayUseApp, proofOf, withOwnKey } from './app/proof.ts'
import type { KnownMdmTokens } from './known-mdm-tokens.ts'
import type { PresentedToken, TokenReader } from './presented-token.ts'
import { isConnectionScheme } from './relay/response-headers.ts'
import type { Route } from './routing.ts'
import { type TokenBehind, tokenBehind } from './token-behind.ts'

/** What the gateway concluded about one request, before it acts: who, in what state, and what the policy says. */
export interface Assessment {
  readonly request: ClientRequest
  readonly route: Route
  readonly identification: Identification
  readonly state: DeviceState | undefined
  readonly facts: RequestFacts
  readonly decision: Decision
  /** The active MDM token that the request shows, and the one that it shows or that is remembered of the client. */
  readonly shownTokenId?: string | undefined
  readonly mdmTokenId?: string | undefined
  /** The company app's device that speaks for the client, and the link that the client came by. */
  readonly app?: AppProof | undefined
}

export interface AssessDependencies {
  readonly mdmTokens: Pick<KnownMdmTokens, 'ready' | 'standing'> & { readonly presented: TokenReader }
  readonly devices: Pick<DeviceStates, 'find'>
  /** Undefined where there is no company app, and where nothing may change: a signed request uses its nonce up. */
  readonly app?: AppReaders | undefined
  readonly approvals: Pick<Approvals, 'findByKeys'>
  readonly policy: () => CompiledPolicy
  /** When the service is let through by an administrator: until when. */
  readonly bypassUntil: (service: string) => number | undefined
  /** How old the news of the MDM vendors are. */
  readonly vendorSeen: () => RequestFacts['vendorSeen']
  /** Networks that a visit to the registration address has proven for this browser; see `return-trip.ts`. */
  readonly vouchedNetworks: (
    request: ClientRequest,
    service: string,
  ) => readonly string[] | Promise<readonly string[]>
}

/** identify → state → decide. The same for the gateway and for `gatehouse explain`; it changes nothing. */
export async function assess(
  asked: ClientRequest,
  route: Route,
  deps: AssessDependencies,
): Promise<Assessment> {
  const signed =
    deps.app !== undefined && isSigned(asked) ? await deps.app.ownKey(asked, route.service.name) : undefined
  const request = signed !== undefined && 'key' in signed ? signed.request : asked
  const vouchedNetworks = await deps.vouchedNetworks(request, route.service.name)
  const identification = withOwnKey(await route.protocol.identify(request), signed)
  const presented = await deps.mdmTokens.presented(request.head)
  // Last, so that nothing is waited for between reading the state and deciding on it: a block that comes then is seen.
  const state = forThisUser(await findState(identification, deps), identification)
  const token = tokenBehind(presented, state, { known: deps.mdmTokens, now: request.head.receivedAt })
  const facts = gatherFacts({ request, route, identification, state, vouchedNetworks, token, deps })
  const decision =
    contradiction(request, identification, facts) ??
    malformedToken(presented, facts) ??
    decide(facts, state, deps.policy(), request.head.receivedAt)
  const { shownTokenId, mdmTokenId } = token
  const app = signed !== undefined && 'key' in signed ? { device: signed.device } : undefined
  const assessment = { request, route, identification, state, facts, decision, shownTokenId, mdmTokenId, app }
  if (deps.app !== undefined && mayUseApp(assessment)) return withApp(assessment, deps, deps.app)
  return decision.verdict === 'await-approval' ? withApproval(assessment, deps) : assessment
}

/** With the tokens in sight that its registration may rest on: what came while they were read is seen, too. */
async function findState(
  { keys }: Identification,
  { devices, mdmTokens }: AssessDependencies,
): Promise<DeviceState | undefined> {
  const state = await devices.find(keys)
  if (state?.registration.mdmTokenId === undefined) return state
  const pending = mdmTokens.ready()
  if (pending === undefined) return state
  await pending
  return devices.find(keys)
}

/** A header that two programs could read in two ways is refused; on a public path it speaks for nobody. */
function malformedToken(
  presented: PresentedToken | undefined,
  { publicPath }: RequestFacts,
): Decision | undefined {
  if (presented?.standing !== 'malformed' || publicPath) return undefined
  return { verdict: 'refuse', reason: 'token.malformed' }
}

/**
 * A browser or certificate that is registered for one user is not registered for another who signs in on it: that
 * sign-in needs evidence of its own.
 */
function forThisUser(
  state: DeviceState | undefined,
  identification: Identification,
): DeviceState | undefined {
  if (state === undefined || !identification.signIn || identification.user === undefined) return state
  return identification.user === state.registration.user ? state : undefined
}

interface Gathered {
  readonly request: ClientRequest
  readonly route: Route
  readonly identification: Identification
  readonly state: DeviceState | undefined
  readonly vouchedNetworks: readonly string[]
  readonly token: TokenBehind
  readonly deps: AssessDependencies
}

function gatherFacts({
  request,
  route,
  identification,
  state,
  vouchedNetworks,
  token,
  deps,
}: Gathered): RequestFacts {
  const { head } = request
  const { service } = route
  const certificate = head.connection.clientCertificate
  const { device } = identification
  const registered = state?.registration
  // Every fact is there, known or undefined: one shape is what makes them cheap to make and to look at.
  return {
    service: service.name,
    client: service.client.kind,
    mode: service.mode,
    method: head.method,
    path: head.path,
    decodedPath: asUpstreamsSeeIt(head),
    publicPath: route.isPublic(head.path) && route.isPublic(head.decodedPath),
    signIn: identification.signIn,
    source: head.source.address,
    vouchedNetworks,
    user: identification.user ?? registered?.user,
    groups: identification.groups ?? none,
    platform: device.platform ?? registered?.device.platform,
    model: device.model ?? registered?.device.model,
    osVersion: device.osVersion ?? registered?.device.osVersion,
    evidence:
      certificate === undefined && token.mdmToken !== 'active' ? none : collectEvidence(shownBy(head, token)),
    mdmToken: token.mdmToken,
    bypassUntil: deps.bypassUntil(service.name),
    vendorSeen: deps.vendorSeen(),
  }
}

const none: readonly never[] = []

function asUpstreamsSeeIt({ path, decodedPath }: RequestHead): string | undefined {
  if (decodedPath !== path) return decodedPath
  // The parser has made sure that it decodes.
  return path.includes('%') ? decodeURIComponent(path) : undefined
}

/** A request that contradicts itself is refused whatever the policy says. */
function contradiction(
  { head }: ClientRequest,
  { refuse }: Identification,
  facts: RequestFacts,
): Decision | undefined {
  if (refuse === undefined || (facts.publicPath && !isHarmful(refuse, head))) return undefined
  return { verdict: 'refuse', reason: refuse }
}

/**
 * On a public path a bad token or cookie proves nothing and does no harm. What can be read in two ways does, and so do
 * credentials that sign the connection in as nobody knows whom: the requests that follow on it would be believed to
 * be of whom they name.
 */
function isHarmful(reason: ReasonCode, head: RequestHead): boolean {
  if (reason === 'client.ambiguous' || reason === 'client.user-mismatch') return true
  const credentials = head.fields.get('authorization')
  return credentials !== undefined && isConnectionScheme(credentials)
}

async function withApproval(assessment: Assessment, deps: AssessDependencies): Promise<Assessment> {
  const { identification, facts, state, request } = assessment
  const approval = await deps.approvals.findByKeys(
    identification.keys.map((key) => key.hash),
    facts.user,
  )
  if (approval === undefined || approval.status === 'waiting') return assessment
  if (approval.status === 'denied') {
    return {
      ...assessment,
      decision: { ...assessment.decision, verdict: 'refuse', reason: 'device.approval-denied' },
    }
  }
  const approved = {
    ...facts,
    evidence: collectEvidence({ ...shownBy(request.head, facts), ...approvalFor(facts, approval) }),
  }
  return {
    ...assessment,
    facts: approved,
    decision: decide(approved, state, deps.policy(), request.head.receivedAt),
  }
}

/**
 * An unregistered client that the company app speaks for. What its link does not allow is told as such, where the policy
 * would turn it away anyway.
 */
async function withApp(
  assessment: Assessment,
  deps: AssessDependencies,
  readers: AppReaders,
): Promise<Assessment> {
  const { request, facts, decision } = assessment
  const proof = await proofOf(assessment, readers)
  if (proof === undefined)
    return decision.verdict === 'await-approval' ? withApproval(assessment, deps) : assessment
  if ('problem' in proof) {
    if (decision.verdict === 'register') return assessment
    return { ...assessment, decision: { verdict: 'refuse', reason: proof.problem } }
  }
  const { mdmTokenId } = proof.device
  // The token that the app showed at its first contact stands behind its client, unless the request shows an active one.
  const standing =
    facts.mdmToken !== 'active' && mdmTokenId !== undefined
      ? { mdmToken: deps.mdmTokens.standing(mdmTokenId, request.head.receivedAt), mdmTokenId }
      : { mdmToken: facts.mdmToken, mdmTokenId: assessment.mdmTokenId }
  const proved = {
    ...facts,
    platform: facts.platform ?? proof.device.platform,
    mdmToken: standing.mdmToken,
    evidence: collectEvidence({ ...shownBy(request.head, standing), app: 'proved' }),
  }
  const decided = decide(proved, undefined, deps.policy(), request.head.receivedAt)
  const concluded = {
    ...assessment,
    facts: proved,
    decision: decided,
    mdmTokenId: standing.mdmTokenId,
    app: proof,
  }
  return decided.verdict === 'await-approval' ? withApproval(concluded, deps) : concluded
}

function shownBy({ connection }: RequestHead, { mdmToken }: Pick<RequestFacts, 'mdmToken'>) {
  const certificate = connection.clientCertificate
  return {
    ...(certificate !== undefined && { certificate }),
    ...(mdmToken !== undefined && mdmToken !== 'too-many' && { mdmToken }),
  }
}

function approvalFor({ user }: RequestFacts, approval: Approval) {
  return {
    approval: { status: approval.status, ...(approval.user !== undefined && { user: approval.user }) },
    ...(user !== undefined && { user }),
  }
}
