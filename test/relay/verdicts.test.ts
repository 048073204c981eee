import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { request } from 'undici'
import type { UpstreamAnswer } from '../../src/clients/protocol.ts'
import { relayUnderTest, upstreamServer } from './relay-under-test.ts'

t.test('the answer’s head is shown once, before the client sees any of it', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => {
    response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'x-token': 'x' })
    response.end('body')
  })
  const seen: UpstreamAnswer[] = []
  const gateway = await relayUnderTest(t, {
    upstream: [upstream],
    order: {
      onAnswer: (answer) => {
        t.notOk(gateway.clients[0]?.headSent)
        seen.push(answer)
        return undefined
      },
    },
  })
  t.equal(await (await request(gateway.url)).body.text(), 'body')
  t.equal(seen.length, 1)
  t.equal(seen[0]?.status, 200)
  t.strictSame(
    seen[0]?.headers.filter(([name]) => name.startsWith('set') || name.startsWith('x-')),
    [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-token', 'x'],
    ],
  )
})

for (const method of ['GET', 'HEAD'] as const) {
  t.test(`the client gets nothing of a ${method} answer until the verdict is there`, async (t) => {
    const upstream = await upstreamServer(t, (_request, response) => response.end('body'))
    const verdict = Promise.withResolvers<undefined>()
    const asked = Promise.withResolvers<void>()
    const gateway = await relayUnderTest(t, {
      upstream: [upstream],
      order: {
        onAnswer: () => {
          asked.resolve()
          return verdict.promise
        },
      },
    })
    const answer = request(gateway.url, { method })
    await asked.promise
    await new Promise((resolve) => setImmediate(resolve))
    t.notOk(gateway.clients[0]?.headSent)
    verdict.resolve(undefined)
    t.equal(await (await answer).body.text(), method === 'GET' ? 'body' : '')
    t.match(await gateway.next(), { ended: 'completed' })
  })
}

t.test('headers of ours are added to the answer', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => response.end('body'))
  const addHeaders = ['set-cookie', '__Host-gatehouse-device=x; Secure']
  const gateway = await relayUnderTest(t, {
    upstream: [upstream],
    order: { onAnswer: async () => ({ addHeaders }) },
  })
  t.match((await request(gateway.url)).headers, { 'set-cookie': addHeaders[1] })
})

for (const size of [10, 5_000_000]) {
  t.test(`an answer of ${size} bytes is replaced by ours, and nothing of it leaks`, async (t) => {
    const upstream = await upstreamServer(t, (_request, response) => {
      response.writeHead(200, { 'x-secret': 'token' })
      response.end(Buffer.alloc(size, 's'))
    })
    const replace = { status: 403, headers: [['content-type', 'text/plain'] as const], body: 'not yet' }
    const gateway = await relayUnderTest(t, {
      upstream: [upstream],
      order: { onAnswer: async () => ({ replace }) },
    })
    const answer = await request(gateway.url)
    t.match(answer, { statusCode: 403, headers: { 'content-length': '7', 'cache-control': 'no-store' } })
    t.notMatch(answer.headers, { 'x-secret': String })
    t.equal(await answer.body.text(), 'not yet')
    t.match(await gateway.next(), { status: 403, replaced: true, ended: 'completed' })
  })
}

t.test('when the verdict cannot be given, the client gets nothing of the answer', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => response.end('body'))
  for (const onAnswer of [
    () => Promise.reject(new Error('record gone')),
    () => {
      throw new Error('record gone')
    },
  ]) {
    const gateway = await relayUnderTest(t, { upstream: [upstream], order: { onAnswer } })
    t.equal((await request(gateway.url)).statusCode, 502)
    t.match(await gateway.next(), { message: 'record gone' })
  }
})

t.test('a small body is read for the observer and forwarded as it was sent', async (t) => {
  const sent = gzipSync('{"access_token":"secret"}')
  const upstream = await upstreamServer(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.end(sent)
  })
  let seen: string | undefined
  const gateway = await relayUnderTest(t, {
    upstream: [upstream],
    order: {
      readsAnswer: (answer) => answer.status === 200,
      onAnswer: (answer) => {
        seen = answer.body && String(Buffer.from(answer.body))
        return undefined
      },
    },
  })
  const answer = await request(gateway.url)
  t.strictSame(Buffer.from(await answer.body.arrayBuffer()), sent)
  t.equal(seen, '{"access_token":"secret"}')
})

const unread: [string, Record<string, string>, Buffer][] = [
  ['longer than 64 KiB', {}, Buffer.alloc(70_000, 'x')],
  ['that unpacks to more than 64 KiB', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(10_000_000))],
  ['in an unknown coding', { 'content-encoding': 'zstd' }, Buffer.from('x')],
  ['that is damaged', { 'content-encoding': 'gzip' }, Buffer.from('x')],
]
for (const [what, headers, sent] of unread) {
  t.test(`a body ${what} passes unobserved`, async (t) => {
    const upstream = await upstreamServer(t, (_request, response) => {
      response.writeHead(200, headers)
      response.end(sent)
    })
    let asked = 0
    const gateway = await relayUnderTest(t, {
      upstream: [upstream],
      order: {
        readsAnswer: () => true,
        onAnswer: async (answer) => {
          asked += 1
          t.equal(answer.body, undefined)
          return undefined
        },
      },
    })
    const answer = await request(gateway.url)
    t.strictSame(Buffer.from(await answer.body.arrayBuffer()), sent)
    t.equal(asked, 1)
  })
}

t.test(
  'a client that goes away while the verdict is open gets no more, and the verdict harms nobody',
  async (t) => {
    const upstream = await upstreamServer(t, (_request, response) => response.end('body'))
    const verdict = Promise.withResolvers<undefined>()
    const gateway = await relayUnderTest(t, {
      upstream: [upstream],
      order: {
        onAnswer: () => {
          gateway.clients[0]?.connection.destroy()
          return verdict.promise
        },
      },
    })
    await t.rejects(request(gateway.url))
    t.match(await gateway.next(), { ended: 'client.aborted' })
    verdict.resolve(undefined)
    await verdict.promise
  },
)

t.test('an upstream that breaks off while the verdict is open ends in a refusal', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n')
      asked.promise.then(() => socket.destroy())
    })
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const asked = Promise.withResolvers<void>()
  const gateway = await relayUnderTest(t, {
    upstream: [new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`)],
    order: {
      onAnswer: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    },
  })
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.aborted' })
})
