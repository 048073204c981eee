import { nearMatch } from '../lib/near-match.ts'
import { formatProblem } from '../lib/yaml-document.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { Command, ExitCode, System } from './command.ts'
import { CommandFailed, UsageError, WrongSettings } from './errors.ts'
import { commandHelp, overviewHelp } from './help.ts'
import { createOutput, type Streams, visible } from './output.ts'
import { parseArguments } from './parse-arguments.ts'

export interface Invocation {
  readonly argv: readonly string[]
  readonly streams: Streams
  readonly system: System
}

/** Finds the command, parses its arguments, runs it; every failure becomes words on standard error and an exit status. */
export async function dispatch(commands: readonly Command[], invocation: Invocation): Promise<ExitCode> {
  try {
    return await runNamed(commands, invocation)
  } catch (error) {
    return report(error, invocation.streams)
  }
}

async function runNamed(
  commands: readonly Command[],
  { argv, streams, system }: Invocation,
): Promise<ExitCode> {
  const { command, rest } = findCommand(commands, aliased(argv))
  if (Array.isArray(command)) {
    createOutput(streams, false).note(overviewHelp(command))
    return 0
  }
  const { args, options } = parseArguments(command, rest)
  const out = createOutput(streams, options.json === true)
  if (options.help === true) {
    createOutput(streams, false).note(commandHelp(command))
    return 0
  }
  const config =
    typeof options.config === 'string' ? options.config : system.env.GATEHOUSE_CONFIG || undefined
  // `parseArguments` made the values by the command's own declaration.
  return command.run({ args, options: options as never, config, out, system })
}

/** What people type out of habit. */
function aliased(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv
  if (first === '--version' || first === '-V') return ['version', ...rest]
  if (first !== 'help') return argv
  return [...rest.filter((word) => !word.startsWith('-')), '--help']
}

interface Found {
  /** Several: those of the group that was named, or all of them. */
  readonly command: Command | Command[]
  readonly rest: readonly string[]
}

function findCommand(commands: readonly Command[], argv: readonly string[]): Found {
  const [first] = argv
  if (first === undefined) throw new UsageError('Which command?')
  if (first === '--help' || first === '-h') return { command: [...commands], rest: [] }
  for (const words of [3, 2, 1]) {
    const exact = commands.find(({ name }) => name === argv.slice(0, words).join(' '))
    if (exact !== undefined) return { command: exact, rest: argv.slice(words) }
  }
  return findGroup(commands, argv)
}

/** `enroll code` and `enroll` are both groups: the longest that was typed is meant. */
function findGroup(commands: readonly Command[], argv: readonly string[]): Found {
  const within = (words: number) =>
    commands.filter(({ name }) => name.startsWith(`${argv.slice(0, words).join(' ')} `))
  const depth = argv.length > 1 && within(2).length > 0 ? 2 : 1
  const group = within(depth)
  if (group.length === 0) throw unknownCommand(argv[0] ?? '', commands)
  const name = argv.slice(0, depth).join(' ')
  const next = argv[depth]
  if (next === '--help' || next === '-h') return { command: group, rest: [] }
  const known = group.map((command) => command.name.slice(name.length + 1))
  if (next === undefined || next.startsWith('-'))
    throw new UsageError(`'gatehouse ${name}' needs one of: ${known.join(', ')}`)
  const near = nearMatch(next, known)
  const hint = near === undefined ? `; there are ${known.join(', ')}` : `; did you mean '${name} ${near}'?`
  throw new UsageError(`There is no command '${name} ${next}'${hint}`)
}

function unknownCommand(name: string, commands: readonly Command[]): UsageError {
  if (name.startsWith('-')) return new UsageError(`The command comes first, then its options: ${name}`)
  const near = nearMatch(
    name,
    new Set(commands.flatMap((command) => [command.name, command.name.split(' ')[0]!])),
  )
  return new UsageError(
    `There is no command '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`,
  )
}

/** Errors of the program itself keep their stack: the administrator can only pass it on. */
function report(error: unknown, { err }: Streams): ExitCode {
  const say = (text: string) => err(`${visible(text)}\n`)
  if (error instanceof UsageError) {
    say(`gatehouse: ${error.message}`)
    say(`Try: gatehouse ${error.command === undefined ? '' : `${error.command} `}--help`)
    return 2
  }
  if (error instanceof WrongSettings) {
    for (const problem of error.problems) say(formatProblem(problem))
    return 2
  }
  if (error instanceof CommandFailed) {
    say(`gatehouse: ${error.message}`)
    return error.exitCode
  }
  if (error instanceof RecordUnavailable) say(`gatehouse: ${recordTrouble(error)}`)
  else say(`gatehouse: this should not happen: ${error instanceof Error ? error.stack : String(error)}`)
  return 1
}

function recordTrouble({ code, message, cause }: RecordUnavailable): string {
  const { code: system } = (cause ?? {}) as { readonly code?: unknown }
  return `the record does not answer (${code}): ${message}${typeof system === 'string' ? ` (${system})` : ''}`
}
