import type { Random } from '../lib/random.ts'
import type { Settings } from '../settings/settings.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { AccessLog, Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** What the gateway role is given. */
export interface GatewayParts {
  readonly settings: Settings
  readonly store: Store
  readonly logger: Logger
  readonly accessLog: AccessLog
  readonly metrics: Metrics
  readonly health: Health
  readonly random: Random
  readonly now: () => number
}
