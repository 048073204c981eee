import { nearMatch } from '../../lib/near-match.ts'
import { formatDuration } from '../../lib/units.ts'
import type { Settings } from '../../settings/settings.ts'
import type { Bypass, Store } from '../../store/ports.ts'
import { type CommandContext, type CommandOptions, defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { localTime, table } from '../output.ts'
import { actor, withRecord } from '../record.ts'

const options = {
  for: { type: 'duration', value: 'DURATION', description: 'How long, such as 30m; at most 24h.' },
  why: { type: 'text', value: 'TEXT', description: 'The reason, for the audit log. Needed for changes.' },
  list: { type: 'flag', description: 'List the bypasses that are open.' },
  end: { type: 'flag', description: 'Close the bypass of the service now.' },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

/** Break-glass, not a setting: who needs it longer opens it again, and the audit log shows it again. */
const longest = 24 * 3_600_000

export const bypassCommand = defineCommand({
  name: 'bypass',
  summary:
    'Let everybody through to one service for a while, in an emergency. Audited, and it ends by itself.',
  args: [{ name: 'SERVICE', description: 'The service, by its name in the settings.', optional: true }],
  options,
  examples: [
    { line: "bypass mail --for 30m --why 'MDM outage, ticket 4711'", description: 'Open for half an hour' },
    { line: 'bypass --list', description: 'What is open, until when, and who opened it' },
    { line: "bypass mail --end --why 'MDM is back'", description: 'Close it before its end' },
  ],
  async run(context) {
    const { list, end } = context.options
    const service = context.args[0]
    if ([list, end, context.options.for !== undefined].filter(Boolean).length > 1)
      throw new UsageError('--for, --end and --list exclude each other', 'bypass')
    if (list) return listOpen(context)
    if (service === undefined) throw new UsageError('SERVICE is missing', 'bypass')
    return end ? close(service, context) : open(service, context)
  },
})

async function open(service: string, context: Context): Promise<ExitCode> {
  const by = actor(context, 'bypass')
  const duration = context.options.for
  if (duration === undefined) throw new UsageError('--for is missing, such as --for 30m', 'bypass')
  if (duration === 0 || duration > longest)
    throw new UsageError(`--for must be more than nothing and at most ${formatDuration(longest)}`, 'bypass')
  const bypass: Bypass = { service, until: by.at + duration, by }
  await withRecord(context, async (store, settings) => {
    checkService(service, settings)
    await store.bypasses.open(bypass)
  })
  context.out.show(
    { bypass },
    () =>
      `Everybody is let through to ${service} until ${localTime(bypass.until)}. End it: gatehouse bypass ${service} --end --why TEXT`,
  )
  return 0
}

async function close(service: string, context: Context): Promise<ExitCode> {
  const by = actor(context, 'bypass')
  const closed = await withRecord(context, (store) => store.bypasses.close(service, by))
  if (!closed) throw new CommandFailed(`No bypass of ${service} is open`)
  context.out.show({ closed: service }, () => `The bypass of ${service} has ended.`)
  return 0
}

async function listOpen(context: Context): Promise<ExitCode> {
  const bypasses = await withRecord(context, (store: Store) => store.bypasses.active(context.system.now()))
  context.out.show({ bypasses }, () => {
    if (bypasses.length === 0) return 'No bypass is open.'
    const rows = bypasses.map(({ service, until, by }) => [service, localTime(until), by.name, by.why])
    return table(['service', 'until', 'opened by', 'why'], rows)
  })
  return 0
}

function checkService(service: string, { services }: Settings): void {
  const names = services.map(({ name }) => name)
  if (names.includes(service)) return
  const near = nearMatch(service, names)
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`
  throw new UsageError(`There is no service ${service}; ${hint}`, 'bypass')
}
