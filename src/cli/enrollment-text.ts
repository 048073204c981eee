import type { Enrollment, Inventory } from '../domain/enrollment.ts'
import type { IssuedCertificate } from '../domain/issued-certificate.ts'
import type { MdmCommand } from '../domain/mdm-command.ts'
import type { DeviceProfile } from '../store/profile-ports.ts'
import type { Renewal } from '../store/renewal-ports.ts'
import { facts, localTime, plural, table } from './output.ts'

/** Enrollments as the commands print them. */

export function enrollmentTable(enrollments: readonly Enrollment[]): string {
  return table(
    ['id', 'serial', 'user', 'device', 'os', 'state', 'last seen'],
    enrollments.map(({ id, device, user, state, lastSeenAt }) => [
      id,
      device.serial,
      device.channelUser ?? user,
      device.name ?? device.model ?? device.productName,
      device.osVersion,
      state,
      localTime(lastSeenAt),
    ]),
  )
}

export function enrollmentDetails(enrollment: Enrollment): string {
  const { device, ids, ended } = enrollment
  const easId = ids.easDeviceId?.join(', ')
  return facts([
    ['id', enrollment.id],
    ['state', stateOf(enrollment)],
    ['ended', ended && `by ${ended.by} at ${localTime(ended.at)}: ${ended.why}`],
    ['user', enrollment.user],
    ['channel of', enrollment.parent],
    ['channel user', device.channelUser],
    ['device', device.name],
    ['model', [device.model, device.productName].filter((one) => one !== undefined).join(', ')],
    [
      'os',
      [device.platform, device.osVersion, device.buildVersion].filter((one) => one !== undefined).join(' '),
    ],
    ['serial', device.serial],
    ['imei', ids.imei?.join(', ')],
    ['ActiveSync id', easId],
    ['enrolled', localTime(enrollment.authenticatedAt)],
    ['last seen', localTime(enrollment.lastSeenAt)],
    ['certificate', enrollment.certificate],
  ])
}

/** How long its identity is good, and what has come of renewing it. */
export function identityDetails(
  identity: IssuedCertificate | undefined,
  renewal: Renewal | undefined,
): string {
  return facts([
    ['certificate ends', identity && localTime(identity.notAfter)],
    ['renewal', renewal && renewalWords(renewal)],
  ])
}

function renewalWords({ state, at, error, dueAt, attempts }: Renewal): string {
  const before = error === undefined ? '' : `; failed before: ${error}`
  if (state === 'sent') return `the device is told since ${localTime(at)}${before}`
  const again = dueAt === undefined ? 'not tried again' : `tried again at ${localTime(dueAt)}`
  return `failed: ${error ?? 'no reason was given'} (${plural(attempts, 'time')}, ${again})`
}

function stateOf({ state, pushable, awaitingConfiguration }: Enrollment): string {
  if (state !== 'enrolled') return state
  if (!pushable) return 'enrolled, and cannot be woken: it has no push token'
  return awaitingConfiguration ? 'enrolled, waits in the Setup Assistant' : 'enrolled'
}

export function inventoryDetails(inventory: Inventory): string {
  const parts = Object.entries(inventory).map(([part, { at, values }]): [string, string] => {
    const { list } = values
    const count = Array.isArray(list) ? plural(list.length, 'entry').replace('entrys', 'entries') : undefined
    return [part, `${count ?? plural(Object.keys(values).length, 'value')} of ${localTime(at)}`]
  })
  return facts(parts)
}

/** What was done about each profile; which names they have in the files is the rest of their identifiers. */
export function profileTable(profiles: readonly DeviceProfile[]): string {
  return table(
    ['profile', 'state', 'since', 'error', 'again'],
    profiles.map(({ identifier, action, state, at, error, dueAt }) => [
      identifier,
      stateWords[action][state],
      localTime(at),
      error,
      dueAt === undefined ? undefined : localTime(dueAt),
    ]),
  )
}

const stateWords = {
  install: { sent: 'sent', done: 'installed', failed: 'failed' },
  remove: { sent: 'to be removed', done: 'removed', failed: 'not removed' },
} as const satisfies Record<DeviceProfile['action'], Record<DeviceProfile['state'], string>>

export function commandTable(commands: readonly MdmCommand[]): string {
  return table(
    ['command', 'request', 'state', 'queued', 'by', 'error'],
    commands.map(({ uuid, requestType, state, queuedAt, queuedBy, errors }) => {
      // From what failed to why.
      const chain = errors.map(({ domain, code, description }) => `${domain} ${code}: ${description ?? ''}`)
      return [uuid, requestType, state, localTime(queuedAt), queuedBy, chain.join('; ')]
    }),
  )
}
