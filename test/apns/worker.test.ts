import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { ownAddress } from '../helpers/own-address.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { apnsUnderTest, pushCertificate, type ScriptedAnswer, topic, workerUnderTest } from './support.ts'

const minute = 60_000
const hour = 60 * minute

t.test('a push says which device, in Apple’s words, and nothing else', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker } = await workerUnderTest(t, service)
  const token = await enrol('phone')
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  const push = await eventually(() => apns.pushes[0])
  t.equal(push.token, token)
  t.strictSame(push.body, { mdm: 'magic "of" phone' })
  t.match(push.headers, {
    'apns-topic': topic,
    'apns-push-type': 'mdm',
    'apns-priority': '10',
    'apns-expiration': String(Math.floor(clock.now / 1000) + 7 * 86_400),
    'apns-id': /^[0-9a-f-]{36}$/,
  })
})

t.test(
  'a device that does not come is called again after an hour, after four, then daily, until it comes',
  async (t) => {
    const service = await apnsUnderTest(t)
    const { apns } = service
    const { enrol, store, clock, worker } = await workerUnderTest(t, service)
    await enrol('phone')
    await store.pushOutbox.wantPush('phone', clock.now)
    for (const [count, wait] of [hour, 4 * hour, 24 * hour, 24 * hour].entries()) {
      worker.poke()
      await eventually(async () => (await store.pushOutbox.get('phone'))?.accepted === count + 1)
      t.equal((await store.pushOutbox.get('phone'))?.dueAt, clock.now + wait)
      t.equal(apns.pushes.length, count + 1)
      clock.now += wait
    }
    await eventually(() => apns.pushes.length === 5)
    await store.pushOutbox.settlePush('phone')
    t.equal(await store.pushOutbox.size(), 0)
  },
)

t.test('what is wanted ten times for one device is one push', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker } = await workerUnderTest(t, service)
  await enrol('phone')
  await enrol('other')
  for (let count = 0; count < 10; count++) await store.pushOutbox.wantPush('phone', clock.now + 50)
  await store.pushOutbox.wantPush('other', clock.now)
  worker.poke()
  await eventually(() => apns.pushes.length === 1)
  clock.now += 50
  await eventually(() => apns.pushes.length === 2)
  await eventually(async () => (await store.pushOutbox.get('phone'))?.accepted === 1)
})

t.test(
  'a token that Apple calls dead is retired; one that the device has renewed since is not',
  async (t) => {
    const service = await apnsUnderTest(t)
    const { apns } = service
    const { enrol, store, clock, worker, pushed } = await workerUnderTest(t, service)
    const dead = await enrol('dead')
    const renewed = await enrol('renewed')
    const bad = await enrol('bad')
    apns.answer({ status: 410, reason: 'Unregistered', timestamp: clock.now + 1 }, 1, dead)
    apns.answer({ status: 410, reason: 'Unregistered', timestamp: clock.now - 1 }, 1, renewed)
    apns.answer({ status: 400, reason: 'BadDeviceToken' }, 1, bad)
    for (const id of ['dead', 'renewed', 'bad']) await store.pushOutbox.wantPush(id, clock.now)
    worker.poke()
    await eventually(() => pushed.length === 3)
    await eventually(async () => (await store.pushOutbox.size()) === 1)
    t.equal(await store.enrollments.pushTarget('dead'), undefined)
    t.equal(await store.enrollments.pushTarget('bad'), undefined)
    t.ok(await store.enrollments.pushTarget('renewed'))
    clock.now += minute
    await eventually(() => apns.pushes.some(({ token }) => token === renewed))
    t.equal((await store.enrollments.get('dead'))?.state, 'enrolled', 'the enrollment itself stays')
  },
)

t.test(
  'who is throttled, and a service that fails, are asked again with back-off, each for itself',
  async (t) => {
    const service = await apnsUnderTest(t)
    const { apns } = service
    const { enrol, store, clock, worker, pushed } = await workerUnderTest(t, service, { most: 1 })
    const throttled = await enrol('throttled')
    const free = await enrol('free')
    apns.answer({ status: 429, reason: 'TooManyRequests' }, 2, throttled)
    await store.pushOutbox.wantPush('throttled', clock.now)
    await store.pushOutbox.wantPush('free', clock.now)
    worker.poke()
    await eventually(() => apns.pushes.some(({ token }) => token === free))
    for (const [failures, wait] of [30_000, 120_000].entries()) {
      const push = await eventually(async () => {
        const found = await store.pushOutbox.get('throttled')
        return found?.failures === failures + 1 ? found : undefined
      })
      t.equal(push.dueAt, clock.now + wait)
      t.match(push.lastAnswer, '429 TooManyRequests')
      clock.now += wait
      worker.poke()
    }
    await eventually(() => apns.pushes.some(({ token }) => token === throttled))
    apns.answer({ status: 503, reason: 'ServiceUnavailable' })
    const connections = apns.connections
    await store.pushOutbox.wantPush('free', clock.now)
    worker.poke()
    await eventually(() => pushed.at(-1)?.answer === '503 ServiceUnavailable')
    await eventually(async () => (await store.pushOutbox.get('free'))?.failures === 1)
    clock.now += minute
    worker.poke()
    await eventually(() => apns.pushes.filter(({ token }) => token === free).length === 2)
    t.ok(apns.connections > connections, 'on a new connection')
  },
)

t.test('GOAWAY, a cut connection and silence lose no push', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker, pushed } = await workerUnderTest(t, service, { timeout: 3_000 })
  const ids = Array.from({ length: 30 }, (_, index) => `phone-${index}`)
  for (const id of ids) await enrol(id)
  const wantAll = async () => {
    for (const id of ids) await store.pushOutbox.wantPush(id, clock.now)
    worker.poke()
  }
  const allCame = (since = 0) =>
    eventually(() => new Set(apns.pushes.slice(since).map(({ token }) => token)).size === ids.length)
  await wantAll()
  await eventually(() => apns.pushes.length > 0)
  apns.goaway('Shutdown')
  await allCame()

  const before = apns.pushes.length
  apns.hold(true)
  await wantAll()
  await eventually(() => pushed.some(({ verdict }) => verdict === 'no-answer'))
  apns.cut()
  apns.hold(false)
  const going = setInterval(() => {
    clock.now += minute
    worker.poke()
  }, 50)
  t.teardown(() => clearInterval(going))
  await allCame(before)
})

t.test(
  'a connection that a firewall has forgotten is found out by the push that gets no answer, and another one is opened',
  async (t) => {
    const host = ownAddress()
    const service = await apnsUnderTest(t, { proxy: host })
    const { apns } = service
    const { hostname, port } = new URL(apns.origin)
    const proxy = await startTcpProxy(t, { host: hostname, port: Number(port) }, host)
    const origin = `https://${host}:${proxy.port}`
    const { enrol, store, clock, worker } = await workerUnderTest(t, service, { origin, timeout: 3_000 })
    await enrol('phone')
    await store.pushOutbox.wantPush('phone', clock.now)
    worker.poke()
    await eventually(() => apns.pushes.length === 1)
    proxy.hold()
    await store.pushOutbox.wantPush('phone', clock.now)
    worker.poke()
    await eventually(async () => (await store.pushOutbox.get('phone'))?.failures === 1)
    await eventually(() => apns.open === 0, 20_000)
    await proxy.restore()
    await eventually(() => {
      clock.now += minute
      worker.poke()
      return apns.pushes.length >= 2
    })
    t.ok(apns.connections >= 2)
  },
)

t.test('a connection that falls silent while it is idle is given up before a push needs it', async (t) => {
  const host = ownAddress()
  const service = await apnsUnderTest(t, { proxy: host })
  const { apns } = service
  const { hostname, port } = new URL(apns.origin)
  const proxy = await startTcpProxy(t, { host: hostname, port: Number(port) }, host)
  const origin = `https://${host}:${proxy.port}`
  const { enrol, store, clock, worker, pushed } = await workerUnderTest(t, service, {
    origin,
    pingAfter: 100,
  })
  await enrol('phone')
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  await eventually(() => pushed.length === 1)
  proxy.hold()
  await eventually(() => apns.open === 0, 20_000)
  await proxy.restore()
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  await eventually(() => pushed.length === 2)
  t.ok(pushed.every(({ verdict }) => verdict === 'accepted'))
  t.equal(apns.connections, 2)
})

t.test('a service that accepts connections and says nothing costs no more than one at a time', async (t) => {
  const open = new Set<Socket>()
  const mute = createServer((socket) => {
    open.add(socket)
    socket
      .on('error', () => {})
      .on('close', () => open.delete(socket))
      .resume()
  })
  const host = ownAddress()
  await once(mute.listen(0, host), 'listening')
  t.teardown(() => mute.close())
  const origin = `https://${host}:${(mute.address() as AddressInfo).port}` // it listens on TCP
  const service = await apnsUnderTest(t)
  for (const timeout of [50, 60_000]) {
    const { enrol, store, clock, worker, pushed, end } = await workerUnderTest(t, service, {
      origin,
      timeout,
    })
    await enrol('phone')
    await store.pushOutbox.wantPush('phone', clock.now)
    worker.poke()
    if (timeout === 50) {
      await eventually(() => pushed.length > 0)
      t.match(pushed, [{ answer: /no connection to/, verdict: 'no-answer' }])
      t.equal((await store.pushOutbox.get('phone'))?.failures, 1)
    } else await eventually(() => open.size === 1)
    await end()
    await eventually(() => open.size === 0)
  }
})

t.test('more pushes than Apple allows at a time wait for room, on few connections', async (t) => {
  const service = await apnsUnderTest(t, { streams: 5 })
  const { apns } = service
  const { enrol, store, clock, worker } = await workerUnderTest(t, service)
  const ids = Array.from({ length: 200 }, (_, index) => `phone-${index}`)
  for (const id of ids) await enrol(id)
  for (const id of ids) await store.pushOutbox.wantPush(id, clock.now)
  worker.poke()
  await eventually(() => apns.pushes.length === ids.length)
  t.ok(apns.connections <= 2, `${apns.connections} connections`)
  t.ok(apns.mostStreams <= 5, `${apns.mostStreams} streams`)
})

t.test(
  'a certificate that Apple refuses stops everything, loudly, and a good one in its place goes on',
  async (t) => {
    const service = await apnsUnderTest(t)
    const { apns } = service
    let looks = 0
    const { enrol, store, clock, worker, pushed, conditions } = await workerUnderTest(t, service, {
      async sleep(ms, signal) {
        looks++
        await delay(Math.min(ms, 20), undefined, { signal })
      },
    })
    const ids = ['one', 'two', 'three']
    for (const id of ids) await enrol(id)
    apns.answer({ status: 403, reason: 'BadCertificate' }, 3)
    // All of them due at the same moment.
    for (const id of ids) await store.pushOutbox.wantPush(id, clock.now + 50)
    clock.now += 50
    worker.poke()
    await eventually(() => conditions.some(([ok, detail]) => !ok && /BadCertificate/.test(detail ?? '')))
    await eventually(() => pushed.length === ids.length)
    const asked = apns.requests
    clock.now += minute
    worker.poke()
    const before = looks
    await eventually(() => looks > before + 3)
    for (const id of ids) t.ok(await store.enrollments.pushTarget(id), 'no token is given up for it')
    t.equal(apns.requests, asked, 'nobody is pushed to meanwhile')
    worker.use(await pushCertificate())
    await eventually(() => apns.pushes.length === ids.length)
    await eventually(() => conditions.at(-1)?.[0] === true)
  },
)

t.test(
  'when every token is called bad, it is the environment that is wrong, and no token is given up',
  async (t) => {
    const service = await apnsUnderTest(t)
    const { apns } = service
    const { enrol, store, clock, worker, conditions } = await workerUnderTest(t, service)
    const ids = Array.from({ length: 12 }, (_, index) => `phone-${index}`)
    for (const id of ids) await enrol(id)
    apns.answer({ status: 400, reason: 'BadDeviceToken' }, ids.length)
    for (const id of ids) await store.pushOutbox.wantPush(id, clock.now + 50)
    clock.now += 50
    worker.poke()
    await eventually(() => conditions.some(([ok]) => !ok))
    for (const id of ids) t.ok(await store.enrollments.pushTarget(id))

    apns.answer({ status: 400, reason: 'BadDeviceToken' })
    const asked = apns.requests
    clock.now += 30 * minute
    worker.poke()
    await eventually(() => conditions.length > 1)
    t.equal(apns.requests, asked + 1, 'one tries again')
    for (const id of ids) t.ok(await store.enrollments.pushTarget(id), 'and keeps its token as well')

    clock.now += 30 * minute
    worker.poke()
    await eventually(() => apns.pushes.length === ids.length)
    t.equal(conditions.at(-1)?.[0], true)
  },
)

t.test('what a certificate was refused for is made at once with the one in its place', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const parts = await workerUnderTest(t, service, { timeout: 60_000 })
  const { enrol, store, clock, worker, conditions } = parts
  const first = await enrol('first')
  const doubted = await enrol('doubted')
  await enrol('slow')
  const refused = { status: 403, reason: 'BadCertificateEnvironment' }
  const late = Promise.withResolvers<void>()
  let asked = 0
  apns.decide((token) => {
    if (++asked > 3) return undefined
    if (token === first) return refused
    return late.promise.then(() => (token === doubted ? { status: 400, reason: 'BadDeviceToken' } : refused))
  })
  for (const id of ['first', 'doubted', 'slow']) await store.pushOutbox.wantPush(id, clock.now + 50)
  clock.now += 50
  worker.poke()
  await eventually(() => asked === 3 && conditions.length > 0)
  worker.use(await pushCertificate())
  late.resolve()
  await eventually(() => new Set(apns.pushes.map(({ token }) => token)).size === 3)
  t.ok(await store.enrollments.pushTarget('doubted'), 'its token was not at fault')
  await eventually(() => conditions.at(-1)?.[0] === true)
  t.equal(conditions.filter(([ok]) => !ok).length, 1, 'nor is the new certificate')
})

t.test('a connection of the former certificate ends as soon as its pushes have their answers', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker, pushed } = await workerUnderTest(t, service, { timeout: 60_000 })
  await enrol('phone')
  const push = async () => {
    await store.pushOutbox.wantPush('phone', clock.now)
    worker.poke()
  }
  await push()
  await eventually(() => pushed.length === 1)
  worker.use(await pushCertificate())
  await eventually(() => apns.open === 0, 20_000)
  const answer = Promise.withResolvers<ScriptedAnswer>()
  apns.decide(() => answer.promise)
  await push()
  await eventually(() => apns.requests === 2)
  worker.use(await pushCertificate())
  answer.resolve({ status: 200 })
  await eventually(() => apns.open === 0, 20_000)
  await eventually(() => pushed.length === 2)
  t.ok(pushed.every(({ verdict }) => verdict === 'accepted'))
})

t.test('a certificate of another topic is refused, and the one before goes on', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker } = await workerUnderTest(t, service)
  const other = await pushCertificate('com.apple.mgmt.External.other')
  t.throws(() => worker.use(other), /com\.apple\.mgmt\.External\.other/)
  await enrol('phone')
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  await eventually(() => apns.pushes.length === 1)
})

t.test('pushes that were under way when the worker was killed are made by the next one', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const first = await workerUnderTest(t, service, { timeout: 60_000 })
  await first.enrol('phone')
  apns.hold(true)
  await first.store.pushOutbox.wantPush('phone', first.clock.now)
  first.worker.poke()
  await eventually(() => apns.requests === 1 || apns.connections === 1)
  await first.end()
  t.equal(await first.store.pushOutbox.size(), 1, 'it is still wanted')
})
