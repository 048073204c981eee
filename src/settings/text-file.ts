import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { fileTrouble } from '../lib/error-code.ts'

/** The text, or in plain words why it is not read. */
export type TextFile = { readonly text: string } | { readonly text: undefined; readonly mistake: string }

const writableByAll = 0o002

/**
 * Reads a file that only administrators can have written. What is checked is the open file, not whatever stands at
 * its path a moment later.
 */
export function readTextFile(path: string): TextFile {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const { mode } = fstatSync(fd)
    if ((mode & constants.S_IFMT) !== constants.S_IFDIR && (mode & writableByAll) !== 0) {
      return mistaken(`everybody on this machine may write to the file: chmod o-w ${path}`)
    }
    return { text: readFileSync(fd, 'utf8') }
  } catch (error) {
    return mistaken(`${path} cannot be read: ${fileTrouble(error)}`)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function mistaken(mistake: string): TextFile {
  return { text: undefined, mistake }
}
