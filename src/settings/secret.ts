import { inspect } from 'node:util'
import type { TextFile } from './text-file.ts'

export { errorCode } from '../lib/error-code.ts'

/** What is printed where a secret would be. */
export const mask = '***'

/** A secret in memory. However it is printed, only the mask is; `reveal` says where it is really used. */
export class Secret {
  /** Where it came from, which is no secret. */
  readonly source: SecretSource
  readonly #value: string

  constructor(value: string, source: SecretSource) {
    this.#value = value
    this.source = source
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return mask
  }

  toJSON(): string {
    return mask
  }

  [inspect.custom](): string {
    return mask
  }
}

/** Where the settings say that a secret is. */
export type SecretSource =
  | { readonly env: string; readonly file?: never }
  | { readonly env?: never; readonly file: string }

export interface SecretReaders {
  readonly env: NodeJS.ProcessEnv
  readonly readFile: (path: string) => TextFile
  readonly resolve: (path: string) => string
}

/** @returns the secret, or in plain words why there is none */
export function readSecret(source: SecretSource, readers: SecretReaders): Secret | string {
  if (source.env !== undefined) {
    const value = readers.env[source.env]
    return value ? new Secret(value, source) : `the environment variable ${source.env} is not set`
  }
  const path = readers.resolve(source.file)
  const read = readers.readFile(path)
  if (read.text === undefined) return read.mistake
  const value = withoutNewline(read.text)
  return value === '' ? `${path} is empty` : new Secret(value, source)
}

/** Editors and `echo` end a file with one; more than one is taken as meant. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}
