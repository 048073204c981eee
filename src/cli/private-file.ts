import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileTrouble } from '../lib/error-code.ts'
import { CommandFailed } from './errors.ts'

/**
 * Writes a file that nobody else may read, in place of what was there. It is made anew under a name of its own: a file that
 * others have open, or a link that they have put there, is not written to.
 */
export function writePrivateFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`
  try {
    writeFileSync(beside, text, { mode: 0o600, flag: 'wx' })
    chmodSync(beside, 0o600)
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new CommandFailed(`${path} cannot be written: ${fileTrouble(error)}`)
  }
}
