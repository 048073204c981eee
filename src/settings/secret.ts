import { inspect } from 'node:util'

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
  /** Reads a file by its absolute path. */
  readonly readFile: (path: string) => string
  readonly resolve: (path: string) => string
}

/** @returns the secret, or in plain words why there is none */
export function readSecret(source: SecretSource, readers: SecretReaders): Secret | string {
  if (source.env !== undefined) {
    const value = readers.env[source.env]
    return value ? new Secret(value, source) : `the environment variable ${source.env} is not set`
  }
  const path = readers.resolve(source.file)
  try {
    const value = withoutNewline(readers.readFile(path))
    return value === '' ? `${path} is empty` : new Secret(value, source)
  } catch (error) {
    return `${path} cannot be read: ${errorCode(error)}`
  }
}

/** Editors and `echo` end a file with one; more than one is taken as meant. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '')
}

/** `ENOENT`, `EACCES`: never the message, which may quote what was read. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown error'
}
