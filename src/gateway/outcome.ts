import type { ReasonCode } from '../domain/reason.ts'
import type { RelayOutcome } from './relay/relay.ts'

/** How an exchange ended, for the access log. */
export interface Outcome {
  /** What the client got; 0 when the answer was broken off after its head. */
  readonly status: number
  /** Why: the decision's reason, or what went wrong afterwards. */
  readonly reason: ReasonCode
  readonly relay?: RelayOutcome
}
