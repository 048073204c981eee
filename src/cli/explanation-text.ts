import type { Decision, Explanation, RequestFacts, RuleTrace } from '../domain/decision.ts'
import { reasons } from '../domain/reason.ts'
import type { DeviceState } from '../domain/registration.ts'
import { facts, localTime, table } from './output.ts'

/** Explanations as people read them: what was known, every rule in its order, and the decision with its reason. */

/** Was the client let on? To register counts: the request goes to the upstream. */
export function isLetThrough({ verdict, monitored }: Decision): boolean {
  return verdict === 'forward' || verdict === 'register' || monitored === true
}

function factsText(found: RequestFacts, networks: readonly string[]): string {
  return facts([
    ['service', `${found.service} (${found.client}, mode ${found.mode})`],
    ['request', `${found.method} ${found.path}${found.publicPath ? ' (public path)' : ''}`],
    ['signs in', found.signIn ? 'yes' : 'no'],
    ['from', found.source],
    ['networks', networks.length === 0 ? 'none of the policy' : networks.join(', ')],
    ['vouched networks', found.vouchedNetworks.join(', ')],
    ['user', found.user ?? 'not known'],
    ['groups', found.groups.join(', ')],
    ['platform', found.platform],
    ['model', found.model],
    ['OS version', found.osVersion],
    ['evidence', found.evidence.length === 0 ? 'none beside the network' : found.evidence.join(', ')],
    ['bypass until', found.bypassUntil === undefined ? undefined : localTime(found.bypassUntil)],
  ])
}

export function stateText(state: DeviceState | undefined): string {
  if (state === undefined) return 'not registered'
  const { registration, posture, block } = state
  return facts([
    ['registration', `${registration.id} of ${registration.user}, ${localTime(registration.registeredAt)}`],
    ['registered by', `${registration.evidence.join(', ') || 'no evidence'} (rule ${registration.rule})`],
    ['posture', posture.reason === undefined ? posture.state : `${posture.state}: ${posture.reason}`],
    ['match', posture.match],
    ['blocked', block === undefined ? undefined : `by ${block.by}: ${block.why}`],
  ])
}

export function traceText(trace: readonly RuleTrace[]): string {
  if (trace.length === 0) return 'none: the decision was made before any rule'
  return trace.map(ruleText).join('\n')
}

function ruleText({ list, rule, matched, conditions, note }: RuleTrace): string {
  const verdict = matched ? 'matches' : 'does not match'
  const title = `${matched ? '*' : '-'} ${list}: ${rule}: ${verdict}${note === undefined ? '' : ` (${note})`}`
  if (conditions.length === 0) return title
  const rows = conditions.map(({ condition, wanted, found, held }) => [
    held ? 'ok' : 'NO',
    condition,
    `wanted ${wanted}`,
    `found ${found}`,
  ])
  const [, ...lines] = table(['', '', '', ''], rows).split('\n')
  return [title, ...lines.map((line) => `    ${line}`)].join('\n')
}

export function decisionText(decision: Decision): string {
  const { verdict, reason, rule, help, monitored, wouldHave } = decision
  return facts([
    ['decision', monitored === true ? `${verdict}, only recorded (mode monitor): let through` : verdict],
    ['reason', `${reason}: ${reasons[reason].sentence}`],
    ['rule', rule ?? 'none'],
    ['sent to', decision.verdict === 'redirect' ? decision.location : undefined],
    ['help', help],
    ['what it means', reasons[reason].operator],
    [
      'monitored rule',
      wouldHave === undefined ? undefined : `${wouldHave.rule} would have said ${wouldHave.verdict}`,
    ],
  ])
}

export function explanationText({ networks, trace, decision }: Explanation, about: Explained): string {
  return [
    ...heading('Request', factsText(about.facts, networks)),
    ...heading('Device', stateText(about.state)),
    ...heading('Rules', traceText(trace)),
    decisionText(decision),
  ].join('\n')
}

export interface Explained {
  readonly facts: RequestFacts
  readonly state: DeviceState | undefined
}

export function heading(title: string, text: string): string[] {
  return [`${title}:`, ...text.split('\n').map((line) => `  ${line}`), '']
}
