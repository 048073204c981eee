import type { Test } from 'tap'
import type { RedisServer, RedisSettings } from '../../src/settings/settings.ts'
import { openSharedState, type SharedState } from '../../src/shared-state/shared-state.ts'
import { eventually } from '../helpers/eventually.ts'
import type { RedisUnderTest } from '../helpers/redis.ts'
import { type CacheUnderTest, History } from './contract/device-state-cache.ts'

export interface SharedStateOptions {
  readonly settings: RedisSettings
  readonly history?: History
  readonly installation?: string
  readonly conditions?: (string | true)[]
  readonly rejected?: string[]
  /** Milliseconds for each call. */
  readonly timeout?: number
  /** It is not there, or does not let us in: nobody waits for it. */
  readonly away?: boolean
}

let made = 0

export function single({ host, port }: { readonly host: string; readonly port: number }): RedisSettings {
  return settingsOf({ kind: 'single', host, port })
}

export function settingsOf(server: RedisServer, more: Partial<RedisSettings> = {}): RedisSettings {
  return { server, database: 0, keepStates: 600_000, keepUnknown: 5_000, ...more }
}

/** The shared state of one process of an installation; each has its own unless the test names it. */
export async function sharedState(t: Test, options: SharedStateOptions): Promise<SharedState> {
  const { installation = `installation-${++made}`, conditions = [], rejected = [] } = options
  const state = await openSharedState(options.settings, {
    changes: options.history ?? new History(),
    keys: { getOrCreate: async () => installation },
    random: { id: () => `id${++made}` },
    now: Date.now,
    // The machine of the tests may be busy; what the deadline is for has tests of its own.
    timeout: options.timeout ?? 2_000,
    patience: options.away === true ? 0 : 120_000,
    onCondition: (ok, detail) => conditions.push(ok || (detail ?? '')),
    onRejected: (why) => rejected.push(why),
  })
  t.teardown(() => state.close())
  return state
}

/** Two processes of one installation. @param timeout milliseconds for each call */
export async function twoProcesses(
  t: Test,
  settings: RedisSettings,
  timeout?: number,
): Promise<readonly [SharedState, SharedState, History]> {
  const history = new History()
  const installation = `installation-${++made}`
  const options = { settings, history, installation, ...(timeout !== undefined && { timeout }) }
  const one = await sharedState(t, options)
  return [one, await sharedState(t, options), history]
}

export async function openCache(t: Test, settings: RedisSettings, timeout?: number): Promise<CacheUnderTest> {
  const [one, two, history] = await twoProcesses(t, settings, timeout)
  return { history, cache: cacheOf(one), other: cacheOf(two) }
}

export function cacheOf({ cache }: SharedState) {
  if (cache === undefined) throw new Error('no cache')
  return cache
}

export function keysOfInstallation(redis: RedisUnderTest, installation: string): Promise<string[]> {
  return eventually(async () =>
    (await redis.cli('--scan', '--pattern', `gatehouse:*${installation}*`)).split('\n').filter(Boolean),
  )
}
