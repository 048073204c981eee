import type { GatewayParts } from './gateway-parts.ts'

/** What the enrollment role is given. */
export type EnrollmentParts = Pick<
  GatewayParts,
  'settings' | 'store' | 'shared' | 'notices' | 'logger' | 'metrics' | 'health' | 'random' | 'now'
> & {
  /** Where secrets in profiles may be. */
  readonly env: NodeJS.ProcessEnv
}
