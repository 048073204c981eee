export interface PostgresUrl {
  readonly user: string
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
  readonly database: string
}

const shape = 'must be postgres://USER@HOST:PORT/DATABASE, such as postgres://gatehouse@db.internal/gatehouse'
const pattern = /^([^:@/?#\s]+)@(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\/([^/?#\s]{1,63})$/
const standardPort = 5432

/** @returns what is wrong, in words that repeat nothing of the URL: there may be a password in it */
export function parsePostgresUrl(text: string): PostgresUrl | string {
  const rest = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text)?.[1]
  if (rest === undefined) return shape
  if (rest.slice(0, Math.max(0, rest.lastIndexOf('@'))).includes(':')) {
    return 'has a password in it, which then stands in logs and backups of this file: change it, and name its place with `password: { file: PATH }` or `{ env: NAME }`'
  }
  if (rest.includes('?'))
    return 'takes nothing after a `?`: TLS is the key `tls`, limits have keys of their own'
  const [, user, host, port = String(standardPort), database] = pattern.exec(rest) ?? []
  if (user === undefined || host === undefined || database === undefined) return shape
  if (Number(port) < 1 || Number(port) > 65_535) return 'must have a port between 1 and 65535'
  try {
    return {
      user: decodeURIComponent(user),
      host: host.replace(/^\[|\]$/g, ''),
      port: Number(port),
      database: decodeURIComponent(database),
    }
  } catch {
    return 'has a % that is not followed by two hexadecimal digits'
  }
}

export function formatPostgresUrl({ user, host, port, database }: PostgresUrl): string {
  const address = host.includes(':') ? `[${host}]` : host
  return `postgres://${encodeURIComponent(user)}@${address}:${port}/${encodeURIComponent(database)}`
}
