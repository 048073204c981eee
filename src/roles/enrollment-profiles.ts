import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProfileAuthority } from '../enrollment/profile-delivery.ts'
import { ProfileKeeper } from '../enrollment/profiles/keeper.ts'
import { organisationOf } from '../enrollment/profiles/organisation.ts'
import { ProfilesInForce } from '../enrollment/profiles/profiles-in-force.ts'
import type { BehindAccess } from '../enrollment/scep/access.ts'
import { systemRandom } from '../lib/random.ts'
import { whileLeased } from '../lib/while-leased.ts'
import { formatProblem } from '../lib/yaml-document.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { Notices } from '../shared-state/ports.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface ProfilesParts {
  readonly settings: EnrollmentSettings & { readonly behind?: BehindAccess }
  readonly store: Store
  readonly notices?: Notices
  readonly authority: ProfileAuthority
  readonly logger: Logger
  readonly health: Health
  readonly metrics: Metrics
  readonly env: NodeJS.ProcessEnv
  readonly now: () => number
  /** Different for each process. */
  readonly holder: string
}

const lease = { name: 'profiles', ttl: 15_000 }

/**
 * Keeps the profiles of all enrolled devices as the files say, in one process at a time. Also without any file: those that were
 * taken away are removed.
 * @throws ProfilesRejected when the files have mistakes
 */
export async function startProfiles(parts: ProfilesParts): Promise<{ close(): Promise<void> }> {
  const { settings, store, logger, health, metrics, env, holder } = parts
  const stop = new AbortController()
  let keeper: ProfileKeeper | undefined
  const profiles = ProfilesInForce.open({
    places: settings.profiles.files,
    env,
    onReload({ taken, problems }) {
      const told = problems.slice(0, 20)
      const more = problems.length - told.length
      const detail = [...told.map(formatProblem), ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
      health.set('profiles', taken ? { ok: true } : { ok: false, detail }, false)
      metrics.profilesRejected.set(taken ? 0 : 1)
      if (taken) logger.info('profiles read again')
      else logger.error({ problems: told }, 'profiles have mistakes; those before stay')
    },
  })
  const organisation = await organisationOf(settings, store.keys)
  const following = profiles.follow(stop.signal, () => keeper?.profilesChanged())
  const running = whileLeased({
    ...{ leases: store.leases, ...lease, holder, signal: stop.signal },
    onError: (error) => logger.warn({ err: error }, 'profiles are not kept for now'),
    async work(signal) {
      keeper = keeperOf(parts, () => profiles.current, organisation)
      await keeper.run(signal)
    },
  })
  return {
    async close() {
      stop.abort()
      await Promise.all([following, running])
    },
  }
}

function keeperOf(
  { settings, store, notices, authority, logger, metrics, now }: ProfilesParts,
  profiles: () => ProfilesInForce['current'],
  organisation: Awaited<ReturnType<typeof organisationOf>>,
): ProfileKeeper {
  return new ProfileKeeper({
    record: store,
    ...(notices && { notices }),
    ...{ profiles, organisation, authority, now },
    pace: settings.profiles.pace,
    check: settings.profiles.check,
    renewBefore: settings.ca.renewBefore,
    secret: systemRandom().secret,
    newUuid: () => randomUUID().toUpperCase(),
    sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal, ref: false }),
    events: {
      onStep(enrollment, step) {
        const { kind, identifier } = step
        metrics.profileSteps.labels(kind === 'install' ? step.why : kind).inc()
        logger.info({ enrollment, identifier }, `profile: ${kind}`)
      },
      onFailed: ({ enrollment, identifier, error }) =>
        logger.warn({ enrollment, identifier, reason: error }, 'profile could not be installed'),
      onError: (error, enrollment) =>
        logger.warn(
          { err: error, ...(enrollment !== undefined && { enrollment }) },
          'profiles cannot be kept for now',
        ),
      onTally(tally) {
        for (const state of ['installed', 'waiting', 'failed'] as const)
          metrics.profiles.labels(state).set(tally[state])
      },
    },
  })
}
