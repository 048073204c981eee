import type { Random } from '../lib/random.ts'
import type { Settings } from '../settings/settings.ts'
import type { Notices } from '../shared-state/ports.ts'
import type { SharedState } from '../shared-state/shared-state.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { AccessLog, Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** What the gateway role is given. */
export interface GatewayParts {
  readonly settings: Settings
  /** What gateway processes share: nonces and counters, and the device states where there is Redis. */
  readonly shared: SharedState
  /** Wakes the follower of changes; other processes and machines announce theirs through it. */
  readonly notices: Notices
  /** This process writes policy changes into the audit log, for all that run beside it. */
  readonly speaks: boolean
  readonly store: Store
  readonly logger: Logger
  readonly accessLog: AccessLog
  readonly metrics: Metrics
  readonly health: Health
  readonly random: Random
  readonly now: () => number
  /** Milliseconds that only grow, whoever sets the clock. */
  readonly monotonic: () => number
}
