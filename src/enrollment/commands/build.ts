import { isPlistArray } from '../../lib/plist/fields.ts'
import { isPlistDict, type PlistDict, type PlistValue } from '../../lib/plist/values.ts'
import type { CommandKey, CommandKeyType, CommandValues, DeviceCommand } from './command.ts'

/** Why a command is not made; for whoever asked for it. */
export class CommandMistake extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CommandMistake'
  }
}

/** The command's dict. @throws CommandMistake when a key is unknown, missing or of another type */
export function buildCommand(command: DeviceCommand, given: CommandValues): PlistDict {
  const values = { ...command.defaults, ...given }
  for (const [name, value] of Object.entries(values)) {
    const key = Object.hasOwn(command.keys, name) ? command.keys[name] : undefined
    if (key === undefined)
      throw new CommandMistake(`${command.name} has no ${name}. It takes ${namesOf(command)}`)
    checkValue(command.name, { name, key, value })
  }
  for (const [name, { required }] of Object.entries(command.keys))
    if (required && !Object.hasOwn(values, name))
      throw new CommandMistake(`${command.name} needs ${name}: ${command.keys[name]?.description}`)
  const wrong = command.check?.(values)
  if (wrong !== undefined) throw new CommandMistake(`${command.name}: ${wrong}`)
  return { RequestType: command.name, ...values }
}

function namesOf({ keys }: DeviceCommand): string {
  const names = Object.keys(keys)
  return names.length === 0 ? 'nothing' : names.join(', ')
}

function checkValue(
  command: string,
  { name, key, value }: { readonly name: string; readonly key: CommandKey; readonly value: PlistValue },
): void {
  if (!types[key.type](value))
    throw new CommandMistake(`${name} of ${command} is ${words[key.type]}: ${key.description}`)
  const allowed = key.values
  if (allowed !== undefined && !allowed.some((one) => one === value))
    throw new CommandMistake(`${name} of ${command} is one of ${allowed.join(', ')}`)
  if (key.pattern !== undefined && !key.pattern.test(String(value)))
    throw new CommandMistake(`${name} of ${command} does not have the right form: ${key.description}`)
}

const types: Readonly<Record<CommandKeyType, (value: PlistValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  data: (value) => value instanceof Uint8Array,
  strings: (value) => isPlistArray(value) && value.every((one) => typeof one === 'string'),
  dict: (value) => isPlistDict(value),
  dicts: (value) => isPlistArray(value) && value.every(isPlistDict),
}

const words: Readonly<Record<CommandKeyType, string>> = {
  string: 'a text',
  integer: 'an integer',
  boolean: 'true or false',
  data: 'data',
  strings: 'a list of texts',
  dict: 'a dictionary',
  dicts: 'a list of dictionaries',
}
