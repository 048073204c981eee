import type { Test } from 'tap'
import type { StoreLocation } from '../src/store/location.ts'
import { type PostgresServer, postgresServer } from '../test/helpers/postgres.ts'
import { type RedisUnderTest, startRedis } from '../test/helpers/redis.ts'

/** Real servers, as the tests start them, for one scenario. */
export interface Servers {
  /** Waits for the disk at each commit, and has the memory that a small machine would give it. */
  postgres(): Promise<PostgresServer>
  redis(): Promise<RedisUnderTest>
  stop(): Promise<void>
}

export function benchServers(): Servers {
  const ends: (() => unknown)[] = []
  // The helpers want nothing of a test but its end.
  const scenario = { teardown: (end: () => unknown) => void ends.push(end) } as unknown as Test
  return {
    postgres: () =>
      postgresServer(scenario, {
        fsync: true,
        settings: { shared_buffers: '512MB', autovacuum: 'on', max_wal_size: '4GB' },
      }),
    redis: () => startRedis(scenario),
    async stop() {
      for (const end of ends.splice(0).reverse()) await end()
    },
  }
}

/** As `store:` of the settings has it. */
export function storeSetting(location: StoreLocation): string {
  if (location.kind === 'sqlite') return `sqlite:${location.path}`
  const { user, host, port, database } = location
  return `postgres://${user}@${host}:${port}/${database}`
}
