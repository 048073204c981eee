import type { Binding, Platform } from '../domain/client-identity.ts'
import type { Decision, Explanation, RequestFacts } from '../domain/decision.ts'
import { type EvidenceKind, evidenceKinds } from '../domain/evidence.ts'
import type { Match, Posture } from '../domain/posture.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { ClientKind } from '../domain/service.ts'
import { canonicalAddress } from '../lib/ip-set.ts'
import type { CompiledPolicy } from './compile.ts'
import { startOf } from './dates.ts'
import { explain } from './decide.ts'
import type { Expectation, Given, PolicyTest } from './document.ts'
import { listOf, milliseconds } from './values.ts'

export interface PolicyTestResult {
  readonly name: string
  readonly passed: boolean
  readonly expected: Expectation
  readonly actual: Explanation
}

/** Runs the `tests:` of the policy file. @param now milliseconds since the epoch, for tests that give no date */
export function runPolicyTests(policy: CompiledPolicy, now: number): readonly PolicyTestResult[] {
  return policy.document.tests.map((test) => runTest(test, policy, now))
}

function runTest({ name, given, expect }: PolicyTest, policy: CompiledPolicy, now: number): PolicyTestResult {
  // The shape has refused dates that cannot be read.
  const at = given.at === undefined ? now : startOf(given.at)!
  const state = given.registered ? stateOf(given, policy, at) : undefined
  const actual = explain(factsOf(given), state, policy, at)
  return { name, passed: meets(actual.decision, expect), expected: expect, actual }
}

function meets(decision: Decision, expect: Expectation): boolean {
  if (typeof expect === 'string') return decision.verdict === expect
  return (
    decision.verdict === expect.verdict &&
    (expect.rule === undefined || decision.rule === expect.rule) &&
    (expect.reason === undefined || decision.reason === expect.reason)
  )
}

// The shape admits only members of these unions; it hands them over as text.
type EvidenceBesideNetwork = RequestFacts['evidence'][number]

function factsOf(given: Given): RequestFacts {
  const { model, osVersion, user } = given
  return {
    service: given.service ?? 'test',
    client: (given.client ?? 'browser') as ClientKind,
    mode: 'enforce',
    method: given.method ?? 'GET',
    path: given.path ?? '/',
    publicPath: given.publicPath ?? false,
    signIn: given.signIn ?? false,
    source: canonicalAddress(given.from) ?? given.from,
    vouchedNetworks: [],
    groups: given.groups ?? [],
    ...tokenFacts(given),
    ...(user === undefined ? {} : { user: user.toLowerCase() }),
    ...(model === undefined ? {} : { model }),
    ...(osVersion === undefined ? {} : { osVersion }),
    ...platformOf(given),
  }
}

/** As the gateway gathers them: an active token is evidence, whether the request shows it or it is remembered. */
function tokenFacts(given: Given): Pick<RequestFacts, 'evidence' | 'mdmToken'> {
  const evidence = listOf(given.evidence ?? []) as readonly EvidenceBesideNetwork[]
  const named = [...evidence, ...(given.registered ? listOf(given.registeredBy ?? []) : [])]
  const standing = given.mdmToken ?? (named.includes('mdm-token') ? 'active' : 'missing')
  const others = evidence.filter((kind) => kind !== 'mdm-token')
  if (standing === 'missing') return { evidence: others }
  return { evidence: standing === 'active' ? [...others, 'mdm-token'] : others, mdmToken: standing }
}

/** A test that does not care about the platform means an ordinary device, not one that hides what it is. */
function platformOf({ platform = 'other' }: Given): { platform?: Platform } {
  return platform === 'unknown' ? {} : { platform: platform as Platform }
}

function stateOf(given: Given, policy: CompiledPolicy, now: number): DeviceState {
  const by = listOf(given.registeredBy ?? [])
  const isEvidence = (name: string): name is EvidenceKind =>
    (evidenceKinds as readonly string[]).includes(name)
  const registration = {
    id: 'r_test',
    service: given.service ?? 'test',
    user: (given.user ?? 'somebody@example.com').toLowerCase(),
    binding: (given.binding ?? 'cookie') as Binding,
    device: {},
    evidence: by.filter(isEvidence),
    networks: policy.networksOf(given.from),
    rule: by.find((name) => !isEvidence(name)) ?? 'test',
    source: given.from,
    registeredAt: now - milliseconds(given.registeredAgo ?? '7d'),
  }
  const state = { version: 1, registration, posture: postureOf(given, now) }
  return given.blocked === true ? { ...state, block: { at: now, by: 'test', why: 'test' } } : state
}

function postureOf({ posture = 'unknown', match, vendor, vendorSeenAgo }: Given, now: number): Posture {
  return {
    state: posture,
    match: (match ?? (posture === 'unknown' ? 'none' : 'exact')) as Match,
    ...(vendor === undefined ? {} : { vendor }),
    ...(vendorSeenAgo === undefined ? {} : { checkedAt: now - milliseconds(vendorSeenAgo) }),
  }
}
