import type { ManagedDevice } from '../domain/managed-device.ts'
import type { PostureState } from '../domain/posture.ts'

/** What the settings say about how a vendor's words are taken. Times in milliseconds. */
export interface VerdictRules {
  /** Does a device still connect while its vendor's grace period lasts? */
  readonly grace: 'allow' | 'refuse'
  /** A device that its MDM has not heard of for longer is out of compliance; undefined: it never is for that. */
  readonly maxSilence: number | undefined
}

/** What one record of one vendor says of the device. */
export interface Verdict {
  readonly state: PostureState
  readonly reason?: string
  readonly graceUntil?: number
}

/**
 * The same rule for all vendors: managed, not broken open, compliant, and heard of lately; in this order. What the vendor
 * did not say, or said in words that nobody knows, is unknown and never compliant.
 */
export function verdictOf(device: ManagedDevice, rules: VerdictRules, now: number): Verdict {
  return (
    notManaged(device) ??
    brokenOpen(device) ??
    outOfCompliance(device, rules, now) ??
    silent(device, rules, now) ??
    fine(device)
  )
}

/** When the verdict on the same record will be another, if no news comes. */
export function verdictEnds(device: ManagedDevice, rules: VerdictRules): number | undefined {
  if (device.management !== 'managed') return undefined
  const ends = [
    device.compliance === 'grace' && rules.grace === 'allow' ? device.graceUntil : undefined,
    rules.maxSilence === undefined || device.lastSeen === undefined
      ? undefined
      : device.lastSeen + rules.maxSilence + 1,
  ].filter((end) => end !== undefined)
  return ends.length === 0 ? undefined : Math.min(...ends)
}

const managementSentences = {
  pending: 'its enrolment is not finished',
  leaving: 'it is being wiped or retired',
  gone: 'it was wiped or retired',
  unmanaged: 'it is not managed',
} as const

function notManaged({ management, reasons }: ManagedDevice): Verdict | undefined {
  if (management === 'managed') return undefined
  if (management === 'unknown')
    return { state: 'unknown', ...why(reasons, 'the vendor does not say whether it is managed') }
  return { state: 'unmanaged', ...why(reasons, managementSentences[management]) }
}

function brokenOpen({ compromised, reasons }: ManagedDevice): Verdict | undefined {
  return compromised === true
    ? { state: 'noncompliant', ...why(reasons, 'it is jailbroken or rooted') }
    : undefined
}

function outOfCompliance(
  { compliance, reasons, graceUntil }: ManagedDevice,
  rules: VerdictRules,
  now: number,
): Verdict | undefined {
  switch (compliance) {
    case 'compliant':
      return undefined
    case 'noncompliant':
      return { state: 'noncompliant', ...why(reasons, 'the vendor reports it out of compliance') }
    case 'conflict':
      return { state: 'conflict', ...why(reasons, 'the vendor’s own policies contradict each other') }
    case 'grace':
      if (rules.grace === 'allow' && (graceUntil === undefined || graceUntil > now)) return undefined
      return { state: 'noncompliant', ...why(reasons, 'its grace period is over, or grants nothing here') }
    default:
      return { state: 'unknown', ...why(reasons, 'the vendor does not say whether it is compliant') }
  }
}

function silent({ lastSeen }: ManagedDevice, { maxSilence }: VerdictRules, now: number): Verdict | undefined {
  if (maxSilence === undefined || lastSeen === undefined || now - lastSeen <= maxSilence) return undefined
  return {
    state: 'noncompliant',
    reason: `it has not contacted its MDM since ${new Date(lastSeen).toISOString().slice(0, 10)}`,
  }
}

function fine({ compliance, graceUntil, reasons }: ManagedDevice): Verdict {
  if (compliance !== 'grace') return { state: 'compliant' }
  return {
    state: 'compliant',
    ...why(reasons, 'out of compliance, in its grace period'),
    ...(graceUntil !== undefined && { graceUntil }),
  }
}

const longestReason = 500

function why(reasons: readonly string[], otherwise: string): { readonly reason: string } {
  const said = reasons.filter((reason) => reason.trim() !== '').join('; ')
  return { reason: said === '' ? otherwise : said.slice(0, longestReason) }
}
