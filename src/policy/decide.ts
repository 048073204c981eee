/**
 * The policy is what administrators write in `policy.yaml`. This folder reads it (`parse.ts`), compiles it (`compile.ts`) and decides
 * by it: `decide` is a pure function of the request's facts, the device's state, the policy and the time. It does no I/O and
 * has no clock. The gateway, `gatehouse explain`, policy tests and the dry run all call it; `explain` is the same evaluation with a
 * recorder. Conditions are one file each in `conditions/`.
 */
import type { Decision, Explanation, RequestFacts, RuleTrace, Verdict } from '../domain/decision.ts'
import type { PostureState } from '../domain/posture.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { CompiledPolicy } from './compile.ts'
import { outcomeOf } from './outcome.ts'
import type { CompiledRule } from './rule.ts'
import type { RuleList } from './rule-index.ts'
import { type Subject, subjectOf } from './subject.ts'
import { type RuleRecorder, traceRecorder } from './trace.ts'
import { vendorSeenAt } from './vendor-seen.ts'

/** @param now milliseconds since the epoch */
export function decide(
  facts: RequestFacts,
  state: DeviceState | undefined,
  policy: CompiledPolicy,
  now: number,
): Decision {
  const networks = networksFor(facts, policy)
  const stale = isStale(facts, state, policy, now)
  const judged = stale ? withoutVouching(state) : state
  return evaluate(subjectOf(facts, judged, { networks, now, stale }), policy, undefined)
}

/** The same decision, with every rule that was tried on the way to it and what its conditions found. */
export function explain(
  facts: RequestFacts,
  state: DeviceState | undefined,
  policy: CompiledPolicy,
  now: number,
): Explanation {
  const networks = networksFor(facts, policy)
  const trace: RuleTrace[] = []
  const recorder = traceRecorder(state === undefined ? 'registration' : 'access', trace)
  const stale = isStale(facts, state, policy, now)
  const judged = stale ? withoutVouching(state) : state
  const decision = evaluate(subjectOf(facts, judged, { networks, now, stale }), policy, recorder)
  return { decision, networks, trace }
}

/** A vendor that has not answered for so long vouches for nobody any more; what it said against a device stays. */
function isStale(
  facts: RequestFacts,
  state: DeviceState | undefined,
  { limits }: CompiledPolicy,
  now: number,
): boolean {
  if (state?.posture.state !== 'compliant' || limits.vendorStale === 'keep') return false
  const seenAt = vendorSeenAt(state, facts)
  return seenAt !== undefined && now - seenAt > limits.vendorStaleAfter
}

function withoutVouching(state: DeviceState | undefined): DeviceState | undefined {
  return state && { ...state, posture: { ...state.posture, state: 'unknown' } }
}

function networksFor(facts: RequestFacts, policy: CompiledPolicy): readonly string[] {
  const own = policy.networksOf(facts.source)
  if (facts.vouchedNetworks.length === 0) return own
  // A network that the policy does not know (any more) counts for nothing.
  return [...new Set([...own, ...facts.vouchedNetworks.filter((name) => policy.networks.has(name))])]
}

function evaluate(subject: Subject, policy: CompiledPolicy, recorder: RuleRecorder | undefined): Decision {
  const decision = beforeRules(subject) ?? byRules(subject, policy, recorder)
  const stops = decision.verdict !== 'forward' && decision.verdict !== 'register'
  return stops && subject.facts.mode === 'monitor' ? { ...decision, monitored: true } : decision
}

/** A block wins over everything, also over a bypass: somebody has taken this device out by hand. */
function beforeRules({ facts, state, now }: Subject): Decision | undefined {
  if (state?.block !== undefined) return blocked
  if (facts.bypassUntil !== undefined && facts.bypassUntil > now) return bypassed
  return facts.publicPath ? publicPath : withoutToken(facts, state)
}

/**
 * Whoever registered by an MDM token signs in by one: when it is revoked, the sign-in stops until the device has a new
 * one, whatever the rules say. What it was signed in to goes on; rules with `evidence` can ask for more.
 */
function withoutToken(facts: RequestFacts, state: DeviceState | undefined): Decision | undefined {
  if (state === undefined || !facts.signIn || facts.mdmToken === 'active') return undefined
  if (!state.registration.evidence.includes('mdm-token')) return undefined
  return { verdict: 'refuse', reason: tokenReasons[facts.mdmToken ?? 'missing'] }
}

const tokenReasons = {
  missing: 'token.missing',
  inactive: 'token.inactive',
  unknown: 'token.unknown',
  'too-many': 'token.too-many',
} as const satisfies Record<string, ReasonCode>

const blocked: Decision = { verdict: 'refuse', reason: 'device.blocked' }
const bypassed: Decision = { verdict: 'forward', reason: 'bypass.active' }
const publicPath: Decision = { verdict: 'forward', reason: 'path.public' }

function byRules(subject: Subject, policy: CompiledPolicy, recorder: RuleRecorder | undefined): Decision {
  const list = subject.state === undefined ? policy.registration : policy.access
  const { rule, wouldHave } = firstMatch(list, subject, recorder)
  const decision = rule === undefined ? noMatch(subject) : outcomeOf(rule, subject)
  return wouldHave === undefined ? decision : { ...decision, wouldHave }
}

interface Match {
  readonly rule?: CompiledRule
  readonly wouldHave?: { readonly rule: string; readonly verdict: Verdict }
}

function firstMatch(list: RuleList, subject: Subject, recorder: RuleRecorder | undefined): Match {
  let wouldHave: Match['wouldHave']
  for (const rule of recorder === undefined ? list.candidates(subject) : list.rules) {
    if (!matches(rule, subject, recorder)) continue
    if (rule.rule.mode !== 'monitor') return wouldHave === undefined ? { rule } : { rule, wouldHave }
    wouldHave ??= { rule: rule.rule.name, verdict: outcomeOf(rule, subject).verdict }
  }
  return wouldHave === undefined ? {} : { wouldHave }
}

function matches(rule: CompiledRule, subject: Subject, recorder: RuleRecorder | undefined): boolean {
  if (subject.now < rule.from || subject.now >= rule.until) {
    recorder?.outOfForce(rule, subject.now)
    return false
  }
  subject.networkHeld = false
  const truth = rule.evaluate(subject, recorder?.condition)
  const matched = truth === true || (truth === undefined && rule.closing)
  recorder?.tried(rule, truth, matched)
  return matched
}

const postureReasons: Readonly<Record<PostureState, ReasonCode>> = {
  compliant: 'access.no-rule',
  noncompliant: 'device.noncompliant',
  unmanaged: 'device.unmanaged',
  conflict: 'device.conflict',
  unknown: 'device.posture-unknown',
}

function noMatch({ state, facts, stale }: Subject): Decision {
  const reason = state === undefined ? strangerReason(facts) : knownReason(state, stale)
  return { verdict: 'refuse', reason }
}

function knownReason({ posture }: DeviceState, stale: boolean): ReasonCode {
  if (stale) return 'device.posture-stale'
  if (posture.surplus === 'waiting') return 'device.awaiting-approval'
  return posture.surplus === 'refused' ? 'device.surplus' : postureReasons[posture.state]
}

/** A device whose token is no longer valid is told so, since another device would not have come with one. */
function strangerReason({ mdmToken }: RequestFacts): ReasonCode {
  return mdmToken === undefined || mdmToken === 'active' ? 'device.unregistered' : tokenReasons[mdmToken]
}
