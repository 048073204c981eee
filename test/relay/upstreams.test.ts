import { EventEmitter, once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { request } from 'undici'
import { UpstreamHealth } from '../../src/gateway/relay/health.ts'
import { mayRetry } from '../../src/gateway/relay/retry.ts'
import { deadUrl, rawUpstream, relayUnderTest, upstreamServer } from './relay-under-test.ts'

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

t.test('upstream connections are kept and used again', async (t) => {
  let connections = 0
  const upstream = await rawUpstream(t, (socket) => {
    connections += 1
    socket.on('data', () => socket.write(answer))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  for (let i = 0; i < 5; i++) await (await request(gateway.url)).body.dump()
  t.equal(connections, 1)
})

t.test('a connection carries one exchange at a time', async (t) => {
  let connections = 0
  const waiting: Socket[] = []
  const upstream = await rawUpstream(t, (socket) => {
    connections += 1
    socket.on('data', () => {
      waiting.push(socket)
      if (waiting.length === 3) for (const one of waiting) one.write(answer)
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const all = await Promise.all([1, 2, 3].map(() => request(gateway.url)))
  t.strictSame(
    all.map(({ statusCode }) => statusCode),
    [200, 200, 200],
  )
  t.equal(connections, 3)
})

t.test('over the limit of connections exchanges wait for their turn', async (t) => {
  let connections = 0
  const upstream = await rawUpstream(t, (socket) => {
    connections += 1
    socket.on('data', () => setImmediate(() => socket.write(answer)))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream], limits: { upstreamConnections: 2 } })
  const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => request(gateway.url)))
  t.ok(all.every(({ statusCode }) => statusCode === 200))
  t.equal(connections, 2)
})

t.test('an exchange that finds no free connection in time is refused', async (t) => {
  const taken = Promise.withResolvers<void>()
  const upstream = await rawUpstream(t, (socket) => socket.once('data', () => taken.resolve()))
  const gateway = await relayUnderTest(t, {
    upstream: [upstream],
    limits: { upstreamConnections: 1, connectTimeout: 1_000 },
  })
  const parked = httpRequest(gateway.url).end()
  parked.on('error', () => {})
  await taken.promise
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.unreachable' })
  parked.destroy()
})

t.test('exchanges go to several upstreams in turn', async (t) => {
  const urls: URL[] = []
  for (const name of ['a', 'b', 'c']) {
    urls.push(await upstreamServer(t, (_request, response) => response.end(name)))
  }
  const gateway = await relayUnderTest(t, { upstream: urls })
  const names: string[] = []
  for (let i = 0; i < 6; i++) names.push(await (await request(gateway.url)).body.text())
  t.strictSame(names.toSorted(), ['a', 'a', 'b', 'b', 'c', 'c'])
})

t.test('a busy upstream gets less', async (t) => {
  const parkings = new EventEmitter()
  const parking = await rawUpstream(t, (socket) => socket.on('data', () => parkings.emit('request')))
  const quick = await upstreamServer(t, (_request, response) => response.end('quick'))
  const gateway = await relayUnderTest(t, { upstream: [parking, quick] })
  const parked: ReturnType<typeof httpRequest>[] = []
  let quickOnes = 0
  for (let i = 0; i < 6; i++) {
    const outgoing = httpRequest(gateway.url).end()
    outgoing.on('error', () => {})
    parked.push(outgoing)
    const arrived = await Promise.race([
      once(outgoing, 'response').then(() => 1),
      once(parkings, 'request').then(() => 0),
    ])
    quickOnes += arrived
  }
  t.equal(quickOnes, 5)
  for (const one of parked) one.destroy()
})

t.test('what was never sent goes to another upstream, bodies included', async (t) => {
  const alive = await upstreamServer(t, (request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => response.end(body))
  })
  const gateway = await relayUnderTest(t, { upstream: [deadUrl(), alive] })
  for (let i = 0; i < 4; i++) {
    const answer = await request(gateway.url, { method: 'POST', body: `body ${i}` })
    t.equal(await answer.body.text(), `body ${i}`)
    await gateway.next()
  }
})

t.test('an upstream that fails is set aside, shown as such, and tried again later', async (t) => {
  let now = 1_000_000
  const events: unknown[] = []
  const dead = deadUrl()
  const alive = await upstreamServer(t, (_request, response) => response.end('ok'))
  const gateway = await relayUnderTest(t, {
    upstream: [dead, alive],
    options: { now: () => now, random: () => 0.5, onHealth: (event) => events.push(event) },
  })
  const ask = async () => {
    await (await request(gateway.url)).body.dump()
    return (await gateway.next()) as { retries: number }
  }
  let retries = 0
  for (let i = 0; i < 6; i++) retries += (await ask()).retries
  t.equal(retries, 2)
  t.match(events, [
    { service: 'mail', upstream: dead.origin, healthy: false, failures: 2, retryAt: now + 1000 },
  ])
  t.match(gateway.relay.upstreamHealth(), [{ healthy: false }, { upstream: alive.origin, healthy: true }])
  now += 1001
  for (let i = 0; i < 4; i++) retries += (await ask()).retries
  t.equal(retries, 3)
})

t.test('an upstream’s time aside grows up to a minute, and success forgets it', async (t) => {
  const health = new UpstreamHealth()
  const times: number[] = []
  for (let i = 0; i < 12; i++) {
    health.failed(0, 0.5)
    times.push(health.retryAt ?? 0)
  }
  t.strictSame(times.slice(0, 5), [0, 1000, 2000, 4000, 8000])
  t.equal(times.at(-1), 60_000)
  t.ok(health.succeeded())
  t.ok(health.healthy)
})

t.test('an upstream that was set aside is tried again when the clock is set back meanwhile', async (t) => {
  const health = new UpstreamHealth()
  const at = 1_000_000_000
  for (let i = 0; i < 2; i++) health.failed(at, 0.5)
  t.notOk(health.usable(at + 500))
  t.ok(health.usable(at - 3_600_000))
  health.probing(at - 3_600_000, 2_000)
  t.notOk(health.usable(at - 3_600_000 + 1_000), 'by one')
})

t.test('when all upstreams are set aside they are tried all the same', async (t) => {
  const gateway = await relayUnderTest(t, { upstream: [deadUrl(), deadUrl()] })
  for (let i = 0; i < 4; i++)
    t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.unreachable' })
  t.match(gateway.relay.upstreamHealth(), [{ healthy: false }, { healthy: false }])
})

/** Answers the first request of each connection; closes when it gets a second one, as if it had just timed out. */
function stale(counts: { connections: number; requests: number }) {
  return (socket: Socket) => {
    counts.connections += 1
    let first = true
    socket.on('data', () => {
      counts.requests += 1
      if (first) socket.write(answer)
      else socket.destroy()
      first = false
    })
  }
}

t.test('a kept connection that closes as we send is no failure for an idempotent request', async (t) => {
  const counts = { connections: 0, requests: 0 }
  const upstream = await rawUpstream(t, stale(counts))
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  await (await request(gateway.url)).body.dump()
  await gateway.next()
  t.equal((await request(gateway.url)).statusCode, 200)
  t.match(await gateway.next(), { retries: 1, ended: 'completed' })
  t.strictSame(counts, { connections: 2, requests: 3 })
})

t.test('a POST that may have arrived is not sent twice', async (t) => {
  const counts = { connections: 0, requests: 0 }
  const upstream = await rawUpstream(t, stale(counts))
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  await (await request(gateway.url)).body.dump()
  const second = await request(gateway.url, { method: 'POST' })
  t.match(second, { statusCode: 502, headers: { 'x-reason': 'upstream.aborted' } })
  t.strictSame(counts, { connections: 1, requests: 2 })
})

t.test('what may be sent again', async (t) => {
  const attempt = { method: 'GET', hasBody: false, sent: true, answered: false }
  t.ok(mayRetry(attempt))
  t.ok(mayRetry({ ...attempt, method: 'POST', hasBody: true, sent: false }))
  t.notOk(mayRetry({ ...attempt, method: 'POST' }))
  t.notOk(mayRetry({ ...attempt, method: 'PATCH' }))
  t.notOk(mayRetry({ ...attempt, method: 'PUT', hasBody: true }))
  t.notOk(mayRetry({ ...attempt, answered: true }))
})

t.test('each upstream gets an unanswered idempotent request at most once', async (t) => {
  let requests = 0
  const closing = (socket: Socket) =>
    socket.once('data', () => {
      requests += 1
      socket.destroy()
    })
  const gateway = await relayUnderTest(t, {
    upstream: [await rawUpstream(t, closing), await rawUpstream(t, closing)],
  })
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.aborted' })
  t.equal(requests, 2)
})
