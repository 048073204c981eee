import { systemRandom } from '../../lib/random.ts'
import type { RedisSettings } from '../../settings/settings.ts'
import { aclRules } from '../../shared-state/redis/acl.ts'
import { examineRedis, type RedisExamination } from '../../shared-state/redis/examine.ts'
import { type DoctorContext, type Finding, fail, ok, warn } from './finding.ts'

/** With `--network`: does Redis answer, may we do there what we need to, and does it keep what must not be forgotten? */
export async function checkRedis({ settings, network }: DoctorContext): Promise<Finding[]> {
  const { redis, limits } = settings
  if (redis === undefined) return []
  if (!network) return [ok('redis', 'not asked; --network does')]
  const found = await examine(redis)
  if (typeof found === 'string') {
    const advice =
      'check address, user, password and TLS under `redis`; the gateways read the record meanwhile'
    return [fail('redis', found, advice)]
  }
  return [version(found), permissions(found), latency(found, limits.redisTimeout), eviction(found)]
}

async function examine(redis: RedisSettings): Promise<RedisExamination | string> {
  try {
    return await examineRedis(redis, { id: systemRandom().id(), patience: 2_000 })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const about = 'redis'

function version({ version }: RedisExamination): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (version === '')
    return warn(about, 'it does not tell its version', `it has to be 6.2 or later; allow INFO: ${aclRules}`)
  if (major > 6 || (major === 6 && minor >= 2)) return ok(about, `answers, version ${version}`)
  return fail(about, `version ${version} is too old`, 'it has to be 6.2 or later')
}

function permissions({ refused }: RedisExamination): Finding {
  if (refused.length === 0) return ok(about, 'allows what is needed')
  return fail(about, `refuses: ${refused.join('; ')}`, `allow its user: ${aclRules}`)
}

function latency({ latency }: RedisExamination, timeout: number): Finding {
  const message = `answers within ${latency.toFixed(1)} ms; limits.redisTimeout is ${timeout} ms`
  if (latency < timeout / 2) return ok(about, message)
  return warn(about, message, 'put it nearer to the gateways: they ask the record when it is late')
}

/** A nonce that was evicted could be used a second time. */
function eviction({ evictionPolicy }: RedisExamination): Finding {
  if (evictionPolicy === 'noeviction') return ok(about, 'never evicts a nonce that still counts')
  const message =
    evictionPolicy === ''
      ? 'it does not tell its eviction policy'
      : `its eviction policy is ${evictionPolicy}: when memory is short, a signed request could be replayed`
  return warn(about, message, 'set maxmemory-policy noeviction, with memory to spare')
}
