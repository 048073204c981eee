import type { CommandError, MdmCommand } from '../../domain/mdm-command.ts'
import type { DeviceProfile } from '../../store/profile-ports.ts'

const hour = 60 * 60 * 1000
const longestWait = 24 * hour

/** The profile was not there any more: iOS says 12075, Macs 89. */
const alreadyGone: ReadonlySet<string> = new Set(['MCMDMErrorDomain 12075', 'MDMClientError 89'])

/**
 * What became of a profile that was sent.
 * @param command undefined: the record has forgotten it
 * @returns the row as it is now; undefined when it is sent again at once, as if it had never been; the same when the device has not answered
 */
export function afterCommand(
  row: DeviceProfile,
  command: MdmCommand | undefined,
  now: number,
): DeviceProfile | undefined {
  if (row.state !== 'sent') return row
  switch (command?.state) {
    case 'queued':
    case 'sent':
    case 'not-now':
      return row
    case 'acknowledged':
      return done(row, command.finishedAt ?? now)
    case 'error':
    case 'format-error':
      if (row.action === 'remove' && command.errors.some(isGone)) return done(row, command.finishedAt ?? now)
      return failed(row, errorText(command), command.finishedAt ?? now)
    // Expired, cancelled, or forgotten: nobody knows, so that it is sent once more. Installing what is there changes nothing.
    default:
      return undefined
  }
}

function done(row: DeviceProfile, at: number): DeviceProfile {
  const { error: _, dueAt: __, ...rest } = row
  return { ...rest, state: 'done', attempts: 0, at }
}

/** @param at tried again an hour later, then after four, then daily */
export function failed(row: DeviceProfile, error: string, at: number): DeviceProfile {
  const attempts = row.attempts + 1
  const dueAt = at + Math.min(hour * 4 ** (attempts - 1), longestWait)
  return { ...row, state: 'failed', error: error.slice(0, 1000), attempts, at, dueAt }
}

function isGone({ domain, code }: CommandError): boolean {
  return alreadyGone.has(`${domain} ${code}`)
}

/** The device's words, from what failed to why. */
export function errorText({ errors, state }: MdmCommand): string {
  if (errors.length === 0)
    return state === 'format-error' ? 'the device could not read the command' : 'the device gave no reason'
  return errors
    .map(({ description, domain, code }) =>
      description === undefined ? `${domain} ${code}` : `${description} (${domain} ${code})`,
    )
    .join('; ')
}
