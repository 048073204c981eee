import type { Decision } from '../domain/decision.ts'
import type { EvidenceKind } from '../domain/evidence.ts'
import type { Rule } from './document.ts'
import type { CompiledRule } from './rule.ts'
import type { Subject } from './subject.ts'

/** What a matching rule decides. */
export function outcomeOf({ rule }: CompiledRule, subject: Subject): Decision {
  const { name, then } = rule
  const registered = subject.state !== undefined
  if (then === 'allow' && registered) {
    return { verdict: 'forward', reason: 'access.allowed', rule: name, ...help(rule) }
  }
  if (then === 'allow' || (then === 'approve' && subject.facts.evidence.includes('approval'))) {
    return register(rule, subject)
  }
  if (then === 'approve') {
    return { verdict: 'await-approval', reason: 'device.awaiting-approval', rule: name, ...help(rule) }
  }
  if ('redirect' in then) {
    const reason = registered ? 'access.redirected' : 'device.redirected'
    return { verdict: 'redirect', reason, location: then.redirect, rule: name, ...help(rule) }
  }
  const reason = registered ? 'access.refused' : 'registration.refused'
  return { verdict: 'refuse', reason, rule: name, help: joined(then.refuse, rule.help) }
}

/** The network is evidence only where the rule looked at it: a device on the Wi-Fi that its certificate let in came by its certificate. */
function register(rule: Rule, { facts, networks, networkHeld }: Subject): Decision {
  const evidence: readonly EvidenceKind[] = networkHeld ? ['network', ...facts.evidence] : facts.evidence
  const base = { verdict: 'register', reason: 'registration.allowed', rule: rule.name } as const
  return { ...base, evidence, networks, ...help(rule) }
}

function help({ help }: Rule): { help?: string } {
  return help === undefined ? {} : { help }
}

function joined(text: string, help: string | undefined): string {
  if (help === undefined) return text
  return /[.!?]$/.test(text) ? `${text} ${help}` : `${text}. ${help}`
}
