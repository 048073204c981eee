import type { RequestFacts } from '../domain/decision.ts'
import type { DeviceState } from '../domain/registration.ts'

/**
 * When the vendor last said what the posture rests on: when it said it first, or its last complete sweep, which would
 * have changed the posture otherwise. Undefined: no vendor has.
 */
export function vendorSeenAt(
  state: DeviceState | undefined,
  { vendorSeen }: Pick<RequestFacts, 'vendorSeen'>,
): number | undefined {
  const posture = state?.posture
  if (posture?.vendor === undefined) return posture?.checkedAt
  const swept = vendorSeen?.[posture.vendor]
  if (posture.checkedAt === undefined || swept === undefined) return posture.checkedAt ?? swept
  return Math.max(posture.checkedAt, swept)
}
