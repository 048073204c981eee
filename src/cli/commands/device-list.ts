import type { Store } from '../../store/ports.ts'
import { type CommandContext, type CommandOptions, defineCommand, type OptionValues } from '../command.ts'
import { approvalTable, deviceTable } from '../device-text.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { plural } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  user: { type: 'text', value: 'NAME', description: 'Only devices of this user.' },
  service: { type: 'text', value: 'NAME', description: 'Only devices of this service.' },
  pending: { type: 'flag', description: 'Devices that wait for approval, instead of registered ones.' },
  blocked: { type: 'flag', description: 'Only devices that an administrator has blocked.' },
  limit: { type: 'count', value: 'NUMBER', description: 'The most to print: 50 unless given, at most 1000.' },
  after: {
    type: 'text',
    value: 'ID',
    description: 'Continue after this device, the last of the page before.',
  },
} as const satisfies CommandOptions

type Options = typeof options

/** Of what one call prints. */
const most = 1000

export const deviceList = defineCommand({
  name: 'device list',
  summary: 'List registered devices, newest first, or those that wait for approval.',
  options,
  examples: [
    { line: 'device list --user anna', description: 'Everything that Anna has registered' },
    { line: 'device list --pending', description: 'Who waits for an administrator' },
  ],
  async run(context) {
    const { limit = 50 } = context.options
    if (limit > most) throw new UsageError(`--limit is at most ${most}`, 'device list')
    if (context.options.pending) checkPending(context.options)
    await withRecord(context, async (store, { services }) => {
      const { service, pending } = context.options
      if (service !== undefined && !services.some(({ name }) => name === service))
        context.out.warn(
          `the settings have no service ${service}; there are ${services.map(({ name }) => name).join(', ')}`,
        )
      await (pending ? listPending(store, context, limit) : listRegistered(store, context, limit))
    })
    return 0
  },
})

function checkPending({ blocked, after }: OptionValues<Options>): void {
  if (blocked || after !== undefined)
    throw new UsageError('--pending goes with --user, --service and --limit only', 'device list')
}

/** A full page may be the last one: whether there are more is known only by asking. */
async function listRegistered(store: Store, { options, out }: CommandContext<Options>, limit: number) {
  const { user, service, blocked, after } = options
  if (after !== undefined && (await store.registrations.get(after)) === undefined)
    throw new CommandFailed(`There is no device ${after} to continue after`)
  const found = await store.registrations.list({
    limit,
    ...(user !== undefined && { user: user.toLowerCase() }),
    ...(service !== undefined && { service }),
    ...(blocked && { blocked }),
    ...(after !== undefined && { after }),
  })
  const last = found.length < limit ? undefined : found.at(-1)?.registration.id
  out.show({ devices: found, ...(last !== undefined && { after: last }) }, () => {
    if (found.length === 0) return 'No devices.'
    const more = last === undefined ? '' : `\n\nThere may be more: add --after ${last}`
    return `${deviceTable(found)}${more}`
  })
}

async function listPending(store: Store, { options, out }: CommandContext<Options>, limit: number) {
  const { user, service } = options
  const waiting = await store.approvals.list('waiting', 1000)
  const found = waiting.filter(
    (approval) =>
      (user === undefined || approval.user === user.toLowerCase()) &&
      (service === undefined || approval.service === service),
  )
  const shown = found.slice(0, limit)
  out.show({ waiting: shown, total: found.length }, () => {
    if (found.length === 0) return 'No device waits for approval.'
    const more = found.length > shown.length ? ` of ${found.length}` : ''
    return `${approvalTable(shown)}\n\n${plural(shown.length, 'device')}${more} waiting: gatehouse device approve ID --why TEXT`
  })
}
