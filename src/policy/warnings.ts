import { evidenceKinds } from '../domain/evidence.ts'
import { type PostureState, postureStates } from '../domain/posture.ts'
import type { Service } from '../domain/service.ts'
import { IpSet } from '../lib/ip-set.ts'
import { nearMatch } from '../lib/near-match.ts'
import type { CompiledPolicy } from './compile.ts'
import { endOf, startOf } from './dates.ts'
import type { Rule, When } from './document.ts'
import { mentions, unreachableRules } from './reach.ts'
import { listOf } from './values.ts'

/** What is legal and dangerous, or refused at start. */
export interface PolicyWarning {
  readonly rule?: string
  readonly message: string
}

export interface WarningContext {
  readonly trustedProxies: readonly string[]
  readonly services: readonly Service[]
  readonly now: number
}

/** What `gatehouse check` says beside errors. */
export function policyWarnings(policy: CompiledPolicy, context: WarningContext): readonly PolicyWarning[] {
  const { registration, access } = policy.document
  return [
    ...publicNetworks(policy),
    ...registration.flatMap(withoutEvidence),
    ...registration.flatMap(beforeSignIn),
    ...access.flatMap(endlessExemption),
    ...unmanagedLetIn(access),
    ...[...unreachableRules(registration), ...unreachableRules(access)],
    ...[...registration, ...access].flatMap((rule) => [
      ...overRule(rule, context.now),
      ...unknownServices(rule, context.services),
      ...unlistedGroups(rule, policy),
      ...unknownOrigins(rule, policy),
    ]),
  ]
}

/** Settings in which a registration network could be forged: the gateway does not start with them. */
export function policyErrors(
  policy: CompiledPolicy,
  { trustedProxies }: Pick<WarningContext, 'trustedProxies'>,
): readonly PolicyWarning[] {
  const proxies = IpSet.of(trustedProxies)
  if (proxies.coversEverything) {
    return [
      {
        message:
          'trustedProxies covers every address: anybody could state any source address, and so register. List the load balancers alone',
      },
    ]
  }
  return registrationNetworks(policy).flatMap(({ rule, network, set }) => {
    if (set.coversEverything) {
      return [
        {
          rule,
          message: `the registration network ${network} covers every address: it is no evidence of anything`,
        },
      ]
    }
    if (!set.overlaps(proxies)) return []
    const reason =
      'a request that reaches us without a forwarded address would count as coming from that network'
    return [
      { rule, message: `the registration network ${network} holds addresses of trustedProxies: ${reason}` },
    ]
  })
}

interface RegistrationNetwork {
  readonly rule: string
  readonly network: string
  readonly set: IpSet
}

/** Networks by which a rule registers. `evidence: network` rests on all of them. */
function registrationNetworks(policy: CompiledPolicy): RegistrationNetwork[] {
  return policy.document.registration.filter(opens).flatMap((rule) => {
    const byAny = mentions(rule.when, 'evidence', 'as it is').some((value) =>
      listOf(value).includes('network'),
    )
    const named = mentions(rule.when, 'network', 'as it is').flatMap((value) =>
      listOf(value as string | string[]),
    )
    const names = byAny ? [...policy.networks.keys()] : [...new Set(named)]
    return names.flatMap((network) => {
      const set = policy.networks.get(network)
      return set === undefined ? [] : [{ rule: rule.name, network, set }]
    })
  })
}

/** Not routed on the internet, so that nobody outside comes from them; loopback is there for evaluation. */
const privateAddresses = IpSet.of([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['fc00::/7', 'fe80::/10', '::1/128'],
])

function publicNetworks(policy: CompiledPolicy): PolicyWarning[] {
  return registrationNetworks(policy)
    .filter(({ set }) => !privateAddresses.covers(set))
    .map(({ rule, network }) => ({
      rule,
      message: `the registration network ${network} holds public addresses: make sure that only managed devices can have them`,
    }))
}

function opens({ then }: Rule): boolean {
  return then === 'allow' || then === 'approve'
}

function withoutEvidence({ name, when, then }: Rule): PolicyWarning[] {
  if (then !== 'allow') return []
  const evidence = [...mentions(when, 'evidence', 'as it is'), ...mentions(when, 'network', 'as it is')]
  if (evidence.length > 0) return []
  const negated = mentions(when, 'network', 'negated').length > 0
  const why = negated
    ? 'asks only where the client does not come from'
    : 'asks for no evidence (network, evidence)'
  return [{ rule: name, message: `registers whoever knows a password: the rule ${why}` }]
}

/** A rule that closes the door also holds while the user is not known, which keeps everybody from signing in. */
function beforeSignIn({ name, when, then }: Rule): PolicyWarning[] {
  if (then === 'allow' || then === 'approve') return []
  const asksForUser = ['user', 'group'].some((key) => mentions(when, key, 'anywhere').length > 0)
  if (!asksForUser || mentions(when, 'signIn', 'as it is').length > 0) return []
  const message =
    'the user is not known before the sign-in, and a rule that refuses or redirects holds then: it meets everybody. Add signIn: true'
  return [{ rule: name, message }]
}

/** An allowing rule that does not ask for the posture exempts from it. */
function endlessExemption({ name, when, then, until }: Rule): PolicyWarning[] {
  if (then !== 'allow' || until !== undefined) return []
  const asks = ['posture', 'vendorSeenWithin', 'registeredWithin'].some(
    (key) => mentions(when, key, 'anywhere').length > 0,
  )
  if (asks) return []
  return [{ rule: name, message: 'lets devices in whatever their posture, without an end date: add until' }]
}

/** A device that is blocked for what its MDM says of it then gets in by leaving the MDM. */
function unmanagedLetIn(rules: readonly Rule[]): PolicyWarning[] {
  const letsIn = (index: number, state: PostureState) =>
    posturesOf(rules[index]?.when).includes(state) &&
    !rules.slice(0, index).some((rule) => stops(rule, state))
  return rules.flatMap(({ name, then }, index) => {
    if (then !== 'allow' || !letsIn(index, 'unmanaged') || letsIn(index, 'noncompliant')) return []
    const message =
      'lets unmanaged devices in where noncompliant ones are blocked: leaving the MDM would be the way in'
    return [{ rule: name, message }]
  })
}

/** The postures with which the conditions can hold, as far as they say. */
function posturesOf(when: When | undefined): readonly PostureState[] {
  const wanted = when?.posture as PostureState | PostureState[] | undefined
  const refused = when?.not?.posture as PostureState | PostureState[] | undefined
  return postureStates.filter(
    (state) =>
      (wanted === undefined || listOf(wanted).includes(state)) &&
      (refused === undefined || !listOf(refused).includes(state)),
  )
}

/** Does the rule stop every device with this posture? */
function stops({ when = {}, then, mode, from, until }: Rule, state: PostureState): boolean {
  const unlimited = mode === 'enforce' && from === undefined && until === undefined && then !== 'allow'
  const { posture, not = {}, ...others } = when
  const { posture: refused, ...otherNots } = not
  const onlyPosture = Object.keys(others).length + Object.keys(otherNots).length === 0
  return unlimited && onlyPosture && posturesOf(when).includes(state)
}

function overRule({ name, until, from }: Rule, now: number): PolicyWarning[] {
  const end = until === undefined ? undefined : endOf(until)
  if (end !== undefined && end <= now) return [{ rule: name, message: `is over since ${until}: remove it` }]
  const start = from === undefined ? undefined : startOf(from)
  if (end !== undefined && start !== undefined && end <= start) {
    return [{ rule: name, message: `ends (${until}) before it begins (${from})` }]
  }
  return []
}

function unknownServices({ name, when }: Rule, services: readonly Service[]): PolicyWarning[] {
  const names = services.map((service) => service.name)
  return mentioned(when, 'service')
    .filter((service) => !names.includes(service))
    .map((service) => ({ rule: name, message: `there is no service ${service}${hint(service, names)}` }))
}

function unlistedGroups({ name, when }: Rule, policy: CompiledPolicy): PolicyWarning[] {
  const groups = Object.keys(policy.document.groups)
  return mentioned(when, 'group')
    .filter((group) => !groups.includes(group))
    .map((group) => ({
      rule: name,
      message: `the group ${group} is not listed under groups: only tokens can name its members${hint(group, groups)}`,
    }))
}

function unknownOrigins({ name, when }: Rule, policy: CompiledPolicy): PolicyWarning[] {
  const known = [...evidenceKinds, ...policy.document.registration.map((rule) => rule.name)]
  return mentioned(when, 'registeredBy')
    .filter((origin) => !known.includes(origin))
    .map((origin) => ({
      rule: name,
      message: `registeredBy: ${origin} is neither a kind of evidence nor a registration rule${hint(origin, known)}`,
    }))
}

function mentioned(when: When | undefined, key: string): string[] {
  return [...new Set(mentions(when, key, 'anywhere').flatMap((value) => listOf(value as string | string[])))]
}

function hint(name: string, names: readonly string[]): string {
  const near = nearMatch(name, names)
  return near === undefined ? '' : `. Did you mean ${near}?`
}
