import t from 'tap'
import { startRedis } from '../helpers/redis.ts'
import { redisContract } from './contract/redis.ts'
import { single } from './redis-under-test.ts'

redisContract(t, single(await startRedis(t)))
