/** `ENOENT`, `EACCES`: for messages that must not quote what was read, as an error's own message may. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown error'
}

/** Why a file cannot be read, in words and with the code: `there is no such file (ENOENT)`. */
export function fileTrouble(error: unknown): string {
  const code = errorCode(error)
  const words = fileTroubles[code]
  return words === undefined ? code : `${words} (${code})`
}

const fileTroubles: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
}
