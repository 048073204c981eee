import { type Command, type CommandOption, type CommandOptions, commonOptions } from './command.ts'

/** `gatehouse device show ID [options]` */
export function usageLine(command: Command): string {
  const args = (command.args ?? []).map(({ name, optional, many }) => {
    const text = many === true ? `${name}...` : name
    return optional === true ? `[${text}]` : text
  })
  return ['gatehouse', command.name, ...args, '[options]'].join(' ')
}

export function commandHelp(command: Command): string {
  const args = (command.args ?? []).map(({ name, description }) => [name, description] as const)
  return [
    command.summary,
    ...(command.details === undefined ? [] : ['', command.details]),
    '',
    `Usage: ${usageLine(command)}`,
    ...(args.length === 0 ? [] : ['', 'Arguments:', ...columns(args)]),
    '',
    'Options:',
    ...columns(optionLines({ ...command.options, ...commonOptions })),
    '',
    command.examples.length === 1 ? 'Example:' : 'Examples:',
    ...command.examples.flatMap(({ line, description }) => [
      `  # ${description}`,
      `  gatehouse ${line}`.trimEnd(),
    ]),
  ].join('\n')
}

/** All commands, or those of one group. */
export function overviewHelp(commands: readonly Command[]): string {
  return [
    'Gatehouse lets only managed, compliant devices reach a service.',
    '',
    'Usage: gatehouse COMMAND [options]',
    '',
    'Commands:',
    ...columns(commands.map(({ name, summary }) => [name, summary] as const)),
    '',
    'gatehouse COMMAND --help tells more of each, with examples.',
    'Exit status: 0 done, 1 the answer is no or the check failed, 2 wrong usage or settings.',
  ].join('\n')
}

export function optionLines(options: CommandOptions): (readonly [string, string])[] {
  return Object.entries(options).map(([name, option]) => [optionName(name, option), describe(option)])
}

function optionName(name: string, { short, value, type }: CommandOption): string {
  const long = type === 'flag' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`
  return short === undefined ? long : `-${short}, ${long}`
}

function describe({ description, oneOf, type }: CommandOption): string {
  const allowed = oneOf === undefined ? '' : ` One of ${oneOf.join(', ')}.`
  return `${description}${allowed}${type === 'list' ? ' May be repeated.' : ''}`
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
