import { randomUUID } from 'node:crypto'
import { CommandMistake } from '../../enrollment/commands/build.ts'
import { type RequestedCommand, requestCommand } from '../../enrollment/commands/request-command.ts'
import { deviceCommands, findCommand } from '../../enrollment/commands/table.ts'
import { type CommandContext, type CommandOptions, defineCommand } from '../command.ts'
import { commandValues, keysOf, rawCommand } from '../command-values.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const options = {
  set: {
    type: 'list',
    value: 'KEY=VALUE',
    description:
      'A key of the command. KEY=@PATH for data and property lists; again for each text of a list.',
  },
  plist: {
    type: 'text',
    value: 'PATH',
    description: 'Any command at all: an XML property list with its RequestType, in place of COMMAND.',
  },
  serial: {
    type: 'text',
    value: 'SERIAL',
    description: 'The serial number of the device, once more: needed for EraseDevice.',
  },
  expires: { type: 'duration', value: 'TIME', description: 'Give it up if the device has not come by then.' },
  why: whyOption,
} as const satisfies CommandOptions

type Options = typeof options

const list = deviceCommands.map((command) => `- ${command.name} (${keysOf(command)}): ${command.summary}`)

export const deviceCommand = defineCommand({
  name: 'device command',
  summary: 'Tell an enrolled Apple device to do something: it is woken, and does it when it next comes.',
  details: wrapped(list),
  args: [
    { name: 'ID', description: 'The enrollment, by its id in `enroll list` or by its serial number.' },
    { name: 'COMMAND', optional: true, description: 'One of the commands above.' },
  ],
  options,
  examples: [
    { line: "device command F2LX0001 DeviceLock --why 'left in a train'", description: 'Lock a phone' },
    {
      line: "device command F2LX0001 EraseDevice --serial F2LX0001 --why 'stolen'",
      description: 'Remote wipe: the serial number is asked for twice',
    },
    {
      line: "device command F2LX0001 InstallProfile --set Payload=@wifi.mobileconfig --why 'new Wi-Fi'",
      description: 'Install a profile by hand',
    },
  ],
  async run(context) {
    const by = actor(context, 'device command')
    const command = commandOf(context)
    const uuid = randomUUID().toUpperCase()
    const { expires, serial } = context.options
    const enrollment = await withRecord(context, async (store, settings) => {
      const found = await findEnrollment(store, context.args[0] ?? '')
      const request: RequestedCommand = {
        ...{ enrollment: found, command, uuid, rights: settings.enrollment?.accessRights },
        ...(serial !== undefined && { confirmSerial: serial }),
        ...(expires !== undefined && { expiresAt: by.at + expires }),
      }
      await inWords(() => requestCommand(request, store, by))
      return found
    })
    const name = 'raw' in command ? String(command.raw.RequestType) : command.name
    context.out.show({ command: { uuid, requestType: name, enrollment: enrollment.id } }, () => {
      const called = enrollment.pushable
        ? 'It is being woken'
        : 'It cannot be woken, and does it when it comes by itself'
      return `${name} is queued for ${enrollment.id} as ${uuid}. ${called}: gatehouse enroll show ${enrollment.id}`
    })
    return 0
  },
})

function commandOf({ args, options, system }: CommandContext<Options>): RequestedCommand['command'] {
  const [, name] = args
  const { plist, set } = options
  if ((name === undefined) === (plist === undefined))
    throw new UsageError('COMMAND or --plist is expected, one of the two', 'device command')
  if (plist !== undefined) {
    if (set.length > 0) throw new UsageError('--set does not go with --plist', 'device command')
    return { raw: rawCommand(plist, system.cwd) }
  }
  const known = findCommand(name ?? '')
  if (known === undefined) throw new UsageError(`There is no command ${name}`, 'device command')
  return { name: known.name, values: commandValues(known, set, system.cwd) }
}

async function inWords(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof CommandMistake)) throw error
    const { message } = error
    throw new CommandFailed(`${message.slice(0, 1).toUpperCase()}${message.slice(1)}`)
  }
}

/** Lines of at most 100 characters. */
function wrapped(items: readonly string[]): string {
  const rows: string[] = []
  for (const item of items)
    for (const [index, word] of item.split(' ').entries()) {
      const last = rows.at(-1) ?? ''
      if (index === 0) rows.push(word)
      else if (last.length + word.length < 98) rows[rows.length - 1] = `${last} ${word}`
      else rows.push(`  ${word}`)
    }
  return rows.join('\n')
}
