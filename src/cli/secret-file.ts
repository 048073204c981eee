import { readFileSync } from 'node:fs'
import { fileTrouble } from '../lib/error-code.ts'
import { CommandFailed } from './errors.ts'

const longest = 64 * 1024

/** A secret from a file, or from standard input for `-`. Editors and `echo` end it with a line break, which is left out. */
export function readSecretFile(path: string): string {
  const name = path === '-' ? 'standard input' : path
  const text = readText(path, name)
  if (text.length > longest) throw new CommandFailed(`${name} is too long for a secret`)
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new CommandFailed(`${name} is empty`)
  return secret
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw new CommandFailed(`${name} cannot be read: ${fileTrouble(error)}`)
  }
}
