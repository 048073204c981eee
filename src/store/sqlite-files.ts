import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RecordUnavailable } from './errors.ts'

/**
 * The record holds signing keys and who uses which device: its file is for the gateway's user alone, and is so before
 * the first byte is written. SQLite gives -wal and -shm the mode of the file.
 * @returns true when the mode of an existing file had to be narrowed
 */
export async function prepareFile(path: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await (await open(path, 'a', 0o600)).close()
    return await narrow(path)
  } catch (cause) {
    throw new RecordUnavailable('cannot-open', `The record ${path} cannot be opened`, { cause })
  }
}

async function narrow(path: string): Promise<boolean> {
  let narrowed = false
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = (await stat(file).catch(() => undefined))?.mode
    if (mode === undefined || (mode & 0o077) === 0) continue
    await chmod(file, 0o600)
    narrowed = true
  }
  return narrowed
}
