import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { eventually } from './eventually.ts'
import { startRedis, startRedisCluster, startRedisSentinel } from './redis.ts'
import { startTcpProxy } from './tcp-proxy.ts'

t.test(
  'a Redis of a test starts, forgets on kill, comes back on its port and keeps what it was told to',
  async (t) => {
    const redis = await startRedis(t, { lines: ['save 3600 1'] })
    await redis.cli('SET', 'a', '1')
    await redis.restart()
    t.equal(await redis.cli('GET', 'a'), '1', 'stopped in order: saved')
    await redis.cli('SET', 'a', '2')
    await redis.kill()
    await redis.start()
    t.equal(await redis.cli('GET', 'a'), '1', 'killed: as it was when it was saved')
    await redis.flush()
    t.equal(await redis.cli('GET', 'a'), '')
  },
)

t.test('a Redis with TLS and a user of its own', async (t) => {
  const redis = await startRedis(t, { tls: true, password: 'root', users: { one: 'on >two ~x:* +@all' } })
  t.match(redis.url, /^rediss:/)
  t.match(await redis.cli('ACL', 'LIST'), /user one on/)
})

t.test('a cluster of three masters', async (t) => {
  const { nodes } = await startRedisCluster(t)
  t.match(await nodes[2]?.cli('CLUSTER', 'INFO'), /cluster_slots_ok:16384/)
})

t.test('a sentinel makes the replica the master', async (t) => {
  const { master, replica, failOver } = await startRedisSentinel(t)
  await master.cli('SET', 'a', '1')
  await eventually(async () => (await replica.cli('GET', 'a')) === '1')
  await failOver()
  t.equal(await replica.cli('SET', 'a', '2'), 'OK')
})

t.test('a proxy holds, cuts, refuses and restores', async (t) => {
  const redis = await startRedis(t)
  const proxy = await startTcpProxy(t, redis)
  const open = async () => {
    const socket = connect(proxy.port, proxy.host).on('error', () => {})
    await once(socket, 'connect')
    t.teardown(() => socket.destroy())
    return socket
  }
  const socket = await open()
  proxy.hold()
  socket.write('PING\r\n')
  const answered = once(socket, 'data')
  await proxy.restore()
  t.equal(String((await answered)[0]), '+PONG\r\n')
  const closed = once(socket, 'close')
  proxy.cut()
  await closed
  await proxy.refuse()
  await t.rejects(open(), { code: 'ECONNREFUSED' })
  await proxy.restore()
  await open()
})
