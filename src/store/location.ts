/** Where a record is. */
export type StoreLocation = SqliteLocation | PostgresLocation

export interface SqliteLocation {
  readonly kind: 'sqlite'
  /** Absolute. */
  readonly path: string
}

export interface PostgresLocation {
  readonly kind: 'postgres'
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Asked for at each connection, and kept nowhere else. */
  readonly password?: { reveal(): string }
  readonly tls?: PostgresTls
  /** Connections at a time, at least three: two of them are for writes, so that these never keep a read waiting. */
  readonly pool: number
  /** Milliseconds, like all times here: to connect, and to wait for a connection of the pool. */
  readonly connectTimeout: number
  /** For one statement, its wait for a lock included. */
  readonly statementTimeout: number
}

export interface PostgresTls {
  /** PEM files of the authorities that may have issued the server's certificate; none: the publicly known ones. */
  readonly ca: readonly string[]
  /** `full`: issued by an authority, and for this host. `ca`: issued by an authority, for whatever host. */
  readonly verify: 'full' | 'ca'
  /** The name in the certificate, where it is not the host. */
  readonly serverName?: string
}

/** For people: without what is secret. */
export function describeLocation(location: StoreLocation): string {
  if (location.kind === 'sqlite') return location.path
  const { user, host, port, database } = location
  return `postgres://${user}@${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
}
