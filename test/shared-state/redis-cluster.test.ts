import t from 'tap'
import { startRedisCluster } from '../helpers/redis.ts'
import { redisContract } from './contract/redis.ts'
import { settingsOf } from './redis-under-test.ts'

const { nodes } = await startRedisCluster(t)
const [first] = nodes
if (first === undefined) throw new Error('no node')
redisContract(t, settingsOf({ kind: 'cluster', nodes: [{ host: first.host, port: first.port }] }))
