import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandKey, CommandValues, DeviceCommand } from '../enrollment/commands/command.ts'
import { fileTrouble } from '../lib/error-code.ts'
import { MalformedInput } from '../lib/malformed-input.ts'
import { readPlist, readPlistDict } from '../lib/plist/read.ts'
import type { PlistDict, PlistValue } from '../lib/plist/values.ts'
import { CommandFailed, UsageError } from './errors.ts'

const largestFile = 16 * 1024 * 1024

/** `KEY=VALUE` as the command's own keys say: `@PATH` for data and property lists, once for each text of a list. */
export function commandValues(
  command: DeviceCommand,
  written: readonly string[],
  cwd: string,
): CommandValues {
  const values: Record<string, PlistValue> = {}
  for (const one of written) {
    const mark = one.indexOf('=')
    if (mark <= 0) throw new UsageError(`--set ${one}: KEY=VALUE is expected`, 'device command')
    const [name, text] = [one.slice(0, mark), one.slice(mark + 1)]
    const key = Object.hasOwn(command.keys, name) ? command.keys[name] : undefined
    if (key === undefined)
      throw new UsageError(`${command.name} has no ${name}. It takes ${keysOf(command)}`, 'device command')
    if (key.type === 'strings') values[name] = [...listOf(values[name]), text]
    else if (Object.hasOwn(values, name)) throw new UsageError(`${name} is given twice`, 'device command')
    else values[name] = typedValue(name, key, { text, cwd })
  }
  return values
}

export function keysOf({ keys }: DeviceCommand): string {
  const names = Object.keys(keys)
  return names.length === 0 ? 'nothing' : names.join(', ')
}

function listOf(value: PlistValue | undefined): readonly PlistValue[] {
  return Array.isArray(value) ? value : []
}

function typedValue(
  name: string,
  { type }: CommandKey,
  { text, cwd }: { readonly text: string; readonly cwd: string },
): PlistValue {
  switch (type) {
    case 'integer':
      if (!/^-?[0-9]{1,15}$/.test(text)) throw new UsageError(`${name} is an integer`, 'device command')
      return Number(text)
    case 'boolean':
      if (text !== 'true' && text !== 'false')
        throw new UsageError(`${name} is true or false`, 'device command')
      return text === 'true'
    case 'data':
      return fileOf(name, text, cwd)
    case 'dict':
    case 'dicts':
      return inWords(text, () => readPlist(fileOf(name, text, cwd), { maxBytes: largestFile }))
    default:
      return text
  }
}

function fileOf(name: string, text: string, cwd: string): Buffer {
  if (!text.startsWith('@')) throw new UsageError(`${name} is a file: ${name}=@PATH`, 'device command')
  return readFile(resolve(cwd, text.slice(1)))
}

/** A file with a whole command. */
export function rawCommand(path: string, cwd: string): PlistDict {
  return inWords(path, () => readPlistDict(readFile(resolve(cwd, path)), { maxBytes: largestFile }))
}

function readFile(path: string): Buffer {
  try {
    if (statSync(path).size > largestFile) throw new CommandFailed(`${path} is larger than 16 MiB`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    throw new CommandFailed(`${path} cannot be read: ${fileTrouble(error)}`)
  }
}

function inWords<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error
    throw new CommandFailed(`${path}: ${error.message}`)
  }
}
