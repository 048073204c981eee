import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type ProfileAuthority, ProfileDelivery } from '../enrollment/profile-delivery.ts'
import { type RenewalEvents, type RenewalOptions, renewalRound } from '../enrollment/renewal/renewal.ts'
import type { BehindAccess } from '../enrollment/scep/access.ts'
import { whileLeased } from '../lib/while-leased.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentParts } from './enrollment-parts.ts'

export interface RenewalParts
  extends Pick<EnrollmentParts, 'store' | 'logger' | 'metrics' | 'random' | 'now'> {
  readonly settings: EnrollmentSettings & { readonly topic: string; readonly behind?: BehindAccess }
  readonly authority: ProfileAuthority
}

const lease = { name: 'renewals', ttl: 30_000 }
const betweenRounds = 10 * 60_000

/** Has the identities of enrolled devices renewed before they end, in one process of the installation. */
export function renewIdentities(parts: RenewalParts): { close(): Promise<void> } {
  const { store, random, logger } = parts
  const stop = new AbortController()
  const options = renewalOptions(parts)
  const running = whileLeased({
    ...{ ...lease, leases: store.leases, holder: random.id(), signal: stop.signal },
    onError: (error) => logger.warn({ err: error }, 'identities of devices are not renewed for now'),
    async work(signal) {
      while (!signal.aborted) {
        await renewalRound(options, signal)
        await delay(betweenRounds, undefined, { signal, ref: false }).catch(() => {})
      }
    },
  })
  return {
    async close() {
      stop.abort()
      await running
    },
  }
}

function renewalOptions(parts: RenewalParts): RenewalOptions {
  const { settings, authority, store, random, now } = parts
  const { ca } = settings
  return {
    ...{ record: store, settings, when: ca, now },
    delivery: new ProfileDelivery(authority),
    async newEnd() {
      // How long those of a server behind are good is that one's to say.
      if (settings.behind !== undefined) return undefined
      const { validToDate } = await authority.authority()
      return Math.min(now() + ca.validity, validToDate.getTime())
    },
    secret: random.secret,
    newUuid: () => randomUUID().toUpperCase(),
    events: eventsOf(parts),
  }
}

function eventsOf({ metrics, logger }: RenewalParts): RenewalEvents {
  const { enrollmentRenewals, enrollmentRenewalsFailing } = metrics
  return {
    onSent(enrollment) {
      enrollmentRenewals.labels('sent').inc()
      logger.info({ enrollment }, 'renewal: the device is told to renew its identity')
    },
    onRenewed(enrollment) {
      enrollmentRenewals.labels('renewed').inc()
      logger.info({ enrollment }, 'renewal: the device has a new identity')
    },
    onFailed({ enrollment, error, attempts, dueAt }) {
      enrollmentRenewals.labels('failed').inc()
      const again = dueAt === undefined ? 'never' : new Date(dueAt).toISOString()
      logger.warn(
        { enrollment, reason: error, attempts, again },
        'renewal: the device has not renewed its identity',
      )
    },
    onError(enrollment, error) {
      logger.error({ enrollment, err: error }, 'renewal: nothing could be done for this device')
    },
    onRound({ failing, pointless }) {
      enrollmentRenewalsFailing.set(failing)
      if (pointless > 0)
        logger.warn(
          { devices: pointless },
          'renewal: the CA ends so soon that new certificates would end with the old ones: gatehouse enroll ca rotate',
        )
    },
  }
}
