import { availableParallelism } from 'node:os'
import type { GatewaySettings } from './settings.ts'

/** How many gateway processes there are to be. A container's share of the cores counts, not the machine's number. */
export function processCount({ processes }: Pick<GatewaySettings, 'processes'>): number {
  return processes === 'auto' ? availableParallelism() : processes
}
