import type { ListedAppDevice } from '../../store/ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { UsageError } from '../errors.ts'
import { localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  user: { type: 'text', value: 'NAME', description: 'Only apps of this user.' },
  'package-key': {
    type: 'text',
    value: 'ID',
    description: 'Only apps whose last first contact was signed with this package key.',
  },
  active: { type: 'flag', description: 'Without those that are revoked.' },
  limit: { type: 'count', value: 'NUMBER', description: 'The most to print: 50 unless given, at most 1000.' },
} as const satisfies CommandOptions

const most = 1000

export const appList = defineCommand({
  name: 'app list',
  summary: 'List the devices on which the company app has registered, those seen last first.',
  details: `CLIENTS are registrations that rest on the app. After a package key was replaced: which apps still use the old one?`,
  options,
  examples: [
    { line: 'app list --user anna', description: 'Anna’s devices with the app' },
    { line: 'app list --active --package-key 2026-01', description: 'Who still has the old configuration' },
  ],
  async run(context) {
    const { limit = 50, user, active, 'package-key': packageKey } = context.options
    if (limit > most) throw new UsageError(`--limit is at most ${most}`, 'app list')
    const devices = await withRecord(context, ({ appDevices }) =>
      appDevices.list({
        limit,
        active,
        ...(user !== undefined && { user: user.toLowerCase() }),
        ...(packageKey !== undefined && { packageKey }),
      }),
    )
    context.out.show({ devices }, () => (devices.length === 0 ? 'No apps.' : table(head, devices.map(row))))
    return 0
  },
})

const head = ['id', 'user', 'platform', 'app', 'package key', 'last seen', 'clients', 'state', 'device']

function row(device: ListedAppDevice): (string | undefined)[] {
  const { id, user, platform, appVersion, packageKey, lastSeenAt, registrations, revoked, ids } = device
  return [
    ...[id, user, platform, appVersion, packageKey, localTime(lastSeenAt), String(registrations)],
    revoked === undefined ? 'active' : 'revoked',
    Object.entries(ids)
      .flatMap(([kind, value]) => [value].flat().map((one) => `${kind} ${one}`))
      .join(', '),
  ]
}
