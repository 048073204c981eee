import { parseArgs } from 'node:util'
import { nearMatch } from '../lib/near-match.ts'
import { parseDuration } from '../lib/units.ts'
import {
  type Command,
  type CommandOption,
  type CommandOptions,
  commonOptions,
  type OptionTypes,
} from './command.ts'
import { UsageError } from './errors.ts'

export interface ParsedArguments {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, OptionTypes[keyof OptionTypes] | undefined>>
}

/** @throws UsageError in words that say what is allowed */
export function parseArguments(command: Command, argv: readonly string[]): ParsedArguments {
  const known: CommandOptions = { ...command.options, ...commonOptions }
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(Object.entries(known).map(([name, option]) => [name, toNode(option)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Map<string, string[]>()
  const args: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value)
    if (token.kind !== 'option') continue
    const option = known[token.name]
    if (option === undefined) throw unknownOption(token.rawName, known, command.name)
    const value = checkedValue(token, option, command.name)
    given.set(token.name, [...(given.get(token.name) ?? []), value])
  }
  const options = Object.fromEntries(
    Object.entries(known).map(([name, option]) => [
      name,
      convert(name, option, given.get(name) ?? [], command.name),
    ]),
  )
  if (options.help !== true) checkCount(args, command)
  return { args, options }
}

function toNode(option: CommandOption) {
  return {
    type: option.type === 'flag' ? ('boolean' as const) : ('string' as const),
    multiple: true,
    ...(option.short !== undefined && { short: option.short }),
  }
}

interface OptionToken {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function checkedValue(
  { rawName, value, inlineValue }: OptionToken,
  option: CommandOption,
  command: string,
): string {
  if (option.type === 'flag') {
    if (value === undefined) return ''
    throw new UsageError(`${rawName} takes no value`, command)
  }
  if (value === undefined)
    throw new UsageError(`${rawName} needs a value: ${rawName} ${option.value}`, command)
  // `-` alone is standard input, as everywhere.
  if (inlineValue !== true && value.startsWith('-') && value !== '-') {
    const inline = `${rawName}=${value}`
    throw new UsageError(`${rawName} needs a value; write ${inline} when ${value} is meant as one`, command)
  }
  return value
}

function unknownOption(rawName: string, known: CommandOptions, command: string): UsageError {
  const near = nearMatch(rawName.replace(/^-+/, ''), Object.keys(known))
  const hint = near === undefined ? '' : `; did you mean --${near}?`
  return new UsageError(`There is no option ${rawName}${hint}`, command)
}

function convert(name: string, option: CommandOption, given: readonly string[], command: string) {
  if (option.type === 'flag') return given.length > 0
  if (option.type === 'list') return given
  if (given.length > 1) throw new UsageError(`--${name} may be given once`, command)
  const [text] = given
  if (text === undefined) return undefined
  const mistake = (allowed: string) => new UsageError(`--${name} must be ${allowed}, not '${text}'`, command)
  if (option.oneOf !== undefined && !option.oneOf.includes(text))
    throw mistake(`one of ${option.oneOf.join(', ')}`)
  if (option.type === 'text') return text
  const value = converters[option.type].parse(text)
  if (value === undefined) throw mistake(converters[option.type].allowed)
  return value
}

const converters = {
  count: {
    allowed: 'a whole number of at least 1',
    parse: (text: string) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined),
  },
  duration: { allowed: 'a duration such as 30s, 30m, 12h or 7d', parse: parseDuration },
  time: { allowed: 'a time such as 2026-08-22T14:00:00Z or 2026-08-22', parse: parseTime },
} as const

/** ISO 8601; without an offset, the machine's own time. */
function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined
  const at = Date.parse(text.length === 10 ? `${text}T00:00:00` : text.replace(' ', 'T'))
  return Number.isNaN(at) ? undefined : at
}

function checkCount(args: readonly string[], command: Command): void {
  const wanted = command.args ?? []
  const missing = wanted.find((argument, index) => argument.optional !== true && args[index] === undefined)
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing`, command.name)
  if (wanted.at(-1)?.many === true || args.length <= wanted.length) return
  throw new UsageError(`'${args[wanted.length]}' is one argument too many`, command.name)
}
