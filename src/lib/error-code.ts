/** `ENOENT`, `EACCES`: for messages that must not quote what was read, as an error's own message may. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'unknown error'
}
