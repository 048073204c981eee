import type { RedisSettings } from '../../settings/settings.ts'
import { openRedisClient, type RedisClient } from './client.ts'
import { type Keys, keysOf } from './keys.ts'
import { beginScript, findScript, hitScript } from './scripts.ts'

/** What `gatehouse doctor` wants to know of a Redis. */
export interface RedisExamination {
  readonly version: string
  /** Milliseconds of the slowest of a few calls. */
  readonly latency: number
  readonly evictionPolicy: string
  /** What it refuses that Gatehouse needs, in its own words. */
  readonly refused: readonly string[]
}

export interface ExamineOptions {
  /** Names keys that no installation has; they are removed again. */
  readonly id: string
  /** Milliseconds. */
  readonly patience: number
}

/** @returns in words why it cannot be reached, or what was found out */
export async function examineRedis(
  settings: RedisSettings,
  { id, patience }: ExamineOptions,
): Promise<RedisExamination | string> {
  let problem = `no connection within ${patience} ms`
  const client = await openRedisClient(settings, {
    timeout: patience,
    jitter: () => 0,
    monotonic: () => performance.now(),
    onCondition: (_, detail = problem) => {
      problem = detail
    },
  })
  try {
    if (!(await connects(client, patience))) return problem
    return await examine(client, keysOf(`doctor-${id}`))
  } finally {
    client.close()
  }
}

async function examine(client: RedisClient, keys: Keys): Promise<RedisExamination> {
  const info = String(await client.call('INFO').catch(() => ''))
  const refused = await refusals(client, keys)
  let latency = 0
  for (let n = 0; n < 10; n++) {
    const before = performance.now()
    await client.call('PING')
    latency = Math.max(latency, performance.now() - before)
  }
  const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? ''
  return { version: field('redis_version'), latency, evictionPolicy: field('maxmemory_policy'), refused }
}

/** What Gatehouse does all day, once. */
async function refusals(client: RedisClient, keys: Keys): Promise<string[]> {
  const calls = [
    () => client.run(beginScript, keys.position, ['', 'doctor', 1, '']),
    () => client.call('HMGET', keys.position, 'generation', 'sequence', 'since'),
    () => client.run(findScript, keys.position, [1, 'doctor']),
    () => client.call('SET', keys.nonce('doctor'), 1, 'PX', 1000, 'NX'),
    () => client.run(hitScript, keys.counter('doctor'), [1000]),
    () => client.call('PUBLISH', keys.channel, ''),
    () => client.call('DEL', keys.position),
  ]
  const refused = new Set<string>()
  for (const call of calls) {
    await call().catch((error: unknown) =>
      refused.add(error instanceof Error ? error.message : String(error)),
    )
  }
  return [...refused]
}

function connects(client: RedisClient, patience: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (client.connected) return resolve(true)
    const timer = setTimeout(() => resolve(false), patience)
    client.onConnected(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
