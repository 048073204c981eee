import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import type { MdmCommand } from '../../domain/mdm-command.ts'
import type { Renewal } from '../../store/renewal-ports.ts'
import { errorText } from '../profiles/outcome.ts'

const hour = 60 * 60 * 1000
const longestWait = 24 * hour
/** From the device's word that it has installed the profile until it must have spoken with the new identity. */
const settling = hour

export interface RenewalSettings {
  /** Milliseconds before its end at which a certificate is renewed. */
  readonly renewBefore: number
  /** Milliseconds after its end during which it still may be. */
  readonly renewalGrace: number
}

export interface RenewalSituation {
  readonly identity: IssuedCertificate
  /** Undefined: nothing was done so far. */
  readonly renewal: Renewal | undefined
  /** That of `renewal`, where there still is one. */
  readonly command: MdmCommand | undefined
  readonly lastSeenAt: number
  /** When a certificate that was issued now would end; undefined: that is not in our hands. */
  readonly newEnd: number | undefined
  readonly settings: RenewalSettings
  readonly now: number
}

export type RenewalStep =
  | { readonly kind: 'wait' }
  /** @property cancel a command whose challenge is good no more */
  | { readonly kind: 'send'; readonly cancel?: string }
  | { readonly kind: 'fail'; readonly error: string; readonly dueAt?: number }
  /** Our CA ends so soon that a new certificate would end with the old one. */
  | { readonly kind: 'pointless' }

const wait: RenewalStep = { kind: 'wait' }

/** What is to be done about an identity now. Doing it twice does no harm. */
export function renewalStep(situation: RenewalSituation): RenewalStep {
  const { identity, settings, newEnd, now } = situation
  const { notAfter, serial } = identity
  if (notAfter - leadOf(situation) > now) return wait
  // What was done about the one before it.
  const renewal = situation.renewal?.serial === serial ? situation.renewal : undefined
  if (now >= notAfter + settings.renewalGrace) return tooLate(renewal)
  if (renewal?.state === 'sent') return afterSent(renewal, situation)
  if (renewal?.state === 'failed' && (renewal.dueAt ?? Number.POSITIVE_INFINITY) > now) return wait
  if (newEnd !== undefined && newEnd - notAfter < settings.renewBefore / 2) return { kind: 'pointless' }
  return { kind: 'send' }
}

/** A server behind may issue for less than `renewBefore`: its certificates would be renewed without end. */
function leadOf({ identity, newEnd, settings }: RenewalSituation): number {
  if (newEnd !== undefined) return settings.renewBefore
  return Math.min(settings.renewBefore, (identity.notAfter - identity.notBefore) / 2)
}

function tooLate(renewal: Renewal | undefined): RenewalStep {
  if (renewal?.state === 'failed' && renewal.dueAt === undefined) return wait
  return { kind: 'fail', error: 'its certificate ended too long ago: the device has to be enrolled anew' }
}

function afterSent(renewal: Renewal, { command, lastSeenAt, now }: RenewalSituation): RenewalStep {
  switch (command?.state) {
    case 'queued':
    case 'sent':
    case 'not-now': {
      const isOver = command.expiresAt !== undefined && command.expiresAt <= now
      // For a device that does not come, no new one is better than the old one.
      return isOver && lastSeenAt > command.queuedAt ? { kind: 'send', cancel: command.uuid } : wait
    }
    case 'acknowledged': {
      const since = command.finishedAt ?? renewal.at
      if (now < since + settling) return wait
      return failing(
        renewal,
        'the device has installed the profile and goes on with its old certificate',
        now,
      )
    }
    case 'error':
    case 'format-error':
      return failing(renewal, errorText(command), command.finishedAt ?? now)
    case 'cancelled':
      return failing(renewal, 'the command was taken back', command.finishedAt ?? now)
    // Expired, or forgotten by the record.
    default:
      return { kind: 'send' }
  }
}

/** Tried again an hour later, then after four, then daily. */
function failing({ attempts }: Renewal, error: string, at: number): RenewalStep {
  return { kind: 'fail', error, dueAt: at + Math.min(hour * 4 ** attempts, longestWait) }
}
