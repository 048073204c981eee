import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Secret } from '../../settings/secret.ts'

const generate = promisify(generateKeyPair)

/** A private key that cannot be used. The message names the file and holds no secret. */
export class KeyFileError extends Error {
  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}`, options)
    this.name = 'KeyFileError'
  }
}

/**
 * Private keys of authorities, each in a file of its own beside the record and not in it: who has a copy or a back-up
 * of the record, or reads the database, must not be able to make certificates that let devices in.
 */
export interface KeyFiles {
  readonly folder: string
  readonly passphrase?: Secret
}

/** RSA, which is what Apple's SCEP asks of a CA: elliptic curves have no key transport. */
export async function generateKey(bits: number): Promise<KeyObject> {
  const { privateKey } = await generate('rsa', { modulusLength: bits })
  return privateKey
}

export function keyPath({ folder }: KeyFiles, id: string): string {
  return join(folder, `${id}.key`)
}

/** Stores a new key; never over another one. The file is readable by its owner alone, and on the disk when this returns. */
export async function writeKey(files: KeyFiles, id: string, key: KeyObject): Promise<void> {
  const { folder, passphrase } = files
  const protection = passphrase && { cipher: 'aes-256-cbc', passphrase: passphrase.reveal() }
  const pem = key.export({ type: 'pkcs8', format: 'pem', ...protection })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = await open(keyPath(files, id), 'wx', 0o600)
  try {
    await file.writeFile(pem)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @throws {KeyFileError} when it is missing, readable by others, or does not open */
export async function readKey(path: string, passphrase: Secret | undefined): Promise<KeyObject> {
  const pem = await readPrivate(path)
  try {
    return createPrivateKey({ key: pem, ...(passphrase && { passphrase: passphrase.reveal() }) })
  } catch (cause) {
    const problem =
      passphrase === undefined
        ? 'is no private key, or needs a passphrase'
        : 'is no private key, or the passphrase is another'
    throw new KeyFileError(path, problem, { cause })
  }
}

async function readPrivate(path: string): Promise<Buffer> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0)
      throw new KeyFileError(path, `others may read it (mode ${(mode & 0o777).toString(8)}); make it 600`)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause
    throw new KeyFileError(path, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}
