export interface RedisUrl {
  readonly tls: boolean
  readonly username?: string
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
  readonly database: number
}

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const shape =
  'must be redis://HOST:PORT, or rediss:// for TLS, such as redis://cache.internal:6379; a database follows as /1'
const host = String.raw`(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)`
const urlPattern = new RegExp(`^(?:([^:@/?#\\s]+)@)?${host}(?::([0-9]{1,5}))?(?:/([0-9]{1,3})?)?$`)
const nodePattern = new RegExp(`^${host}:([0-9]{1,5})$`)
const standardPort = 6379

/** @returns what is wrong, in words that repeat nothing of the URL: there may be a password in it */
export function parseRedisUrl(text: string): RedisUrl | string {
  const [, scheme, rest] = /^(rediss?):\/\/(.*)$/s.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return shape
  if (rest.slice(0, Math.max(0, rest.lastIndexOf('@'))).includes(':')) {
    return 'has a password in it, which then stands in logs and backups of this file: change it, and name its place with `password: { file: PATH }` or `{ env: NAME }`'
  }
  if (rest.includes('?')) return 'takes nothing after a `?`: TLS is rediss:// and the key `tls`'
  const [, user, name, port = String(standardPort), database = '0'] = urlPattern.exec(rest) ?? []
  if (name === undefined) return shape
  if (!isPort(port)) return 'must have a port between 1 and 65535'
  const username = user === undefined ? undefined : decoded(user)
  if (user !== undefined && username === undefined)
    return 'has a % that is not followed by two hexadecimal digits'
  return {
    tls: scheme === 'rediss',
    host: withoutBrackets(name),
    port: Number(port),
    database: Number(database),
    ...(username !== undefined && { username }),
  }
}

export function formatRedisUrl({ tls, username, host, port, database }: RedisUrl): string {
  const user = username === undefined ? '' : `${encodeURIComponent(username)}@`
  const path = database === 0 ? '' : `/${database}`
  return `${tls ? 'rediss' : 'redis'}://${user}${formatRedisNode({ host, port })}${path}`
}

/** `HOST:PORT` */
export function parseRedisNode(text: string): RedisNode | undefined {
  const [, name, port] = nodePattern.exec(text) ?? []
  if (name === undefined || port === undefined || !isPort(port)) return undefined
  return { host: withoutBrackets(name), port: Number(port) }
}

export function formatRedisNode({ host, port }: RedisNode): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isPort(text: string): boolean {
  return Number(text) >= 1 && Number(text) <= 65_535
}

function withoutBrackets(name: string): string {
  return name.replace(/^\[|\]$/g, '')
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
