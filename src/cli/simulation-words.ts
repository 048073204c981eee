import { readFileSync } from 'node:fs'
import { fileTrouble } from '../lib/error-code.ts'
import { CommandFailed, UsageError } from './errors.ts'

/** What a simulated device cannot do without. @throws UsageError */
export function needed(value: string | undefined, option: string, command: string): string {
  if (value === undefined || value === '') throw new UsageError(`${option} is missing`, command)
  return value
}

/** @throws CommandFailed */
export function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CommandFailed(`${path} cannot be read: ${fileTrouble(error)}`)
  }
}
