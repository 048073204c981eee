import { connect } from 'node:net'
import t from 'tap'
import { IpSet } from '../../src/lib/ip-set.ts'
import { answer, answers, listenerUnderTest, oneAnswer, rawExchange, readBody, statusOf } from './support.ts'

const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\n${['Host: a.example', ...fields].join('\r\n')}\r\n\r\n`
const post = (body: string, ...fields: string[]) =>
  `POST / HTTP/1.1\r\n${['Host: a.example', ...fields].join('\r\n')}\r\n\r\n${body}`

t.test('an ordinary request becomes one head and gets its answer', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const { received, closed } = await rawExchange(
    port,
    'POST /a?b HTTP/1.1\r\nHost: Mail.Example.com.:80\r\nContent-Length: 3\r\n\r\nabc',
    oneAnswer,
  )
  t.equal(statusOf(received), 200)
  t.match(received, /POST \/a abc$/)
  t.equal(closed, false, 'the connection stays open')
  t.match(heads, [{ host: 'mail.example.com', target: '/a?b', query: 'b', hasBody: true, scheme: /^http$/ }])
  t.match(heads[0]?.source, { address: '127.0.0.1', derivedFrom: 'peer' })
})

t.test('requests sent ahead are served one after another, and answered in order', async (t) => {
  let open = 0
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      t.equal(++open, 1, `${head.path} is served alone`)
      await new Promise((resolve) => setImmediate(resolve))
      client.onClose(() => open--)
      answer(client, 200, head.path)
    },
  })
  const { received } = await rawExchange(
    port,
    get('/1') + get('/2') + get('/3'),
    (text) => answers(text) === 3,
  )
  t.match(received, /\/1HTTP[\s\S]*\/2HTTP[\s\S]*\/3$/)
})

t.test('a flood of requests sent ahead ends with the connection', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const { closed } = await rawExchange(port, get('/').repeat(500))
  t.equal(closed, true)
  t.ok(heads.length < 500)
})

t.test('a chunked body is read, its extensions and trailers are not taken for anything', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const body = '2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Gatehouse-User: root\r\n\r\n'
  const { received } = await rawExchange(
    port,
    post(body, 'Transfer-Encoding: chunked') + get('/2'),
    (text) => answers(text) === 2,
  )
  t.match(received, /POST \/ abcHTTP[\s\S]*GET \/2 $/)
  t.equal(heads[1]?.fields.size, 1)
})

t.test('100 Continue is sent when the body is wanted', async (t) => {
  const { port } = await listenerUnderTest(t)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.write(post('', 'Content-Length: 3', 'Expect: 100-Continue'))
  for await (const chunk of socket) {
    received += chunk.toString('latin1')
    if (received === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('abc')
    if (received.endsWith('POST / abc')) break
  }
  t.match(received, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
})

t.test('a body that nobody wants is not asked for, and the connection ends', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => answer(client, 403, 'no'),
  })
  const { received, closed } = await rawExchange(port, post('', 'Content-Length: 3', 'Expect: 100-continue'))
  t.equal(statusOf(received), 403)
  t.match(received, /connection: close/i)
  t.equal(closed, true)
})

t.test('an unread body is never taken for the next request', async (t) => {
  const { port, heads } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => answer(client, 403, 'no'),
  })
  await t.test('a short one is thrown away', async (t) => {
    const { received } = await rawExchange(
      port,
      post(get('/x'), `Content-Length: ${get('/x').length}`) + get('/y'),
      (text) => answers(text) === 2,
    )
    t.equal(answers(received), 2)
    t.strictSame(
      heads.map(({ path }) => path),
      ['/', '/y'],
    )
  })
  await t.test('after a long one the connection ends', async (t) => {
    const { received, closed } = await rawExchange(
      port,
      post('x'.repeat(90_000) + get('/x'), 'Content-Length: 100000'),
    )
    t.match(received, /connection: close/i)
    t.equal(closed, true)
  })
})

t.test('a body over its limit is refused, announced or not', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.limitBody(5)
      await readBody(client).catch((error) => answer(client, 413, error.reason))
    },
  })
  for (const request of [
    post('123456', 'Content-Length: 6'),
    post('6\r\n123456\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'),
  ]) {
    const { received, closed } = await rawExchange(port, request)
    t.match(received, /^HTTP\/1.1 413 [\s\S]*limit\.body-size$/)
    t.equal(closed, true)
  }
})

t.test('a body that makes no progress is refused', async (t) => {
  const { port } = await listenerUnderTest(t, { limits: { bodyTimeout: 30 } })
  const { received } = await rawExchange(port, post('a', 'Content-Length: 6'))
  t.match(received, /limit\.body-time$/)
})

t.test('a client that goes away breaks its body off', async (t) => {
  const failed = new Promise((resolve) => {
    void listenerUnderTest(t, {
      onExchange: async (_head, client) => readBody(client).then(() => {}, resolve),
    }).then(({ port }) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(post('a', 'Content-Length: 6'), () => socket.destroy()),
      )
    })
  })
  t.match(await failed, { name: 'ClientBodyError', reason: 'client.aborted' })
})

t.test('an answer that does not keep its Content-Length breaks the connection off', async (t) => {
  for (const text of ['abc', 'abcdefgh']) {
    const { port } = await listenerUnderTest(t, {
      onExchange: async (_head, client) => {
        client.sendHead(200, ['Content-Length', '5'])
        client.write(Buffer.from(text))
        client.end()
      },
    })
    const { received, closed } = await rawExchange(port, get('/'))
    t.equal(closed, true)
    t.ok(received.split('\r\n\r\n')[1] !== 'abcde', 'the client does not take it for whole')
  }
})

t.test('HEAD and 304 have a length and no body', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      client.sendHead(head.method === 'HEAD' ? 200 : 304, ['Content-Length', '5'])
      client.end()
    },
  })
  const { received } = await rawExchange(
    port,
    `${get('/').replace('GET', 'HEAD')}${get('/', 'Connection: close')}`,
  )
  t.match(received, /^HTTP\/1.1 200 OK\r\nContent-Length: 5[\s\S]*\r\n\r\nHTTP\/1.1 304 [\s\S]*\r\n\r\n$/)
})

t.test('interim answers and trailers are passed on', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.sendInformational(103, ['Link', '</a>'])
      client.sendHead(200, ['Trailer', 'X-Sum'])
      client.write(Buffer.from('a'))
      client.end(['X-Sum', '1'])
    },
  })
  const { received } = await rawExchange(port, get('/', 'Connection: close'))
  t.match(
    received,
    /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 200 OK\r\n[\s\S]*\r\n0\r\nX-Sum: 1\r\n\r\n$/,
  )
  const old = await rawExchange(port, 'GET / HTTP/1.0\r\nHost: a.example\r\n\r\n')
  t.notMatch(old.received, /103/, 'HTTP/1.0 knows no interim answers')
})

t.test('an exchange can be broken off, before its head and after', async (t) => {
  const closings: boolean[] = []
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      client.onClose((completed) => closings.push(completed))
      if (head.path === '/after') {
        client.sendHead(200, [])
        client.write(Buffer.from('a'))
      }
      client.abort('cut-off')
    },
  })
  t.strictSame(await rawExchange(port, get('/before')), { received: '', closed: true })
  const after = await rawExchange(port, get('/after'))
  t.notMatch(after.received, /\r\n0\r\n\r\n$/, 'without the last chunk')
  t.strictSame(closings, [false, false])
})

t.test('a connection ends after as many requests as the limit says', async (t) => {
  const { port } = await listenerUnderTest(t, { limits: { requestsPerConnection: 2 } })
  const { received, closed } = await rawExchange(port, get('/1') + get('/2') + get('/3'))
  t.equal(answers(received), 2)
  t.equal(closed, true)
})

t.test('OPTIONS * is answered here', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const { received } = await rawExchange(port, 'OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n', oneAnswer)
  t.match(received, /^HTTP\/1.1 204 No Content\r\nAllow: GET, HEAD/)
  t.equal(heads.length, 0)
})

t.test('a head that never ends costs the client its connection', async (t) => {
  const { port, refusals } = await listenerUnderTest(t, { limits: { headerTimeout: 1_000 } })
  const { received, closed } = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: a.ex')
  t.equal(statusOf(received), 408)
  t.equal(closed, true)
  t.match(refusals, [{ reason: 'limit.header-time' }])
})

t.test('more connections than one address may have are closed', async (t) => {
  const { port, refusals, listener } = await listenerUnderTest(t, { limits: { connectionsPerAddress: 1 } })
  const first = connect(port, '127.0.0.1')
  t.teardown(() => first.destroy())
  await new Promise((resolve) => first.write(get('/'), () => first.once('data', resolve)))
  t.equal(listener.openConnections, 1)
  t.strictSame(await rawExchange(port, get('/')), { received: '', closed: true })
  t.match(refusals, [{ reason: 'limit.connections', source: { address: '127.0.0.1' } }])
})

t.test('a trusted proxy stands for many clients', async (t) => {
  const trustedProxies = IpSet.of(['127.0.0.1'])
  const { port, heads } = await listenerUnderTest(t, { trustedProxies, limits: { connectionsPerAddress: 1 } })
  const first = connect(port, '127.0.0.1')
  t.teardown(() => first.destroy())
  await new Promise((resolve) =>
    first.write(get('/', 'X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https'), () =>
      first.once('data', resolve),
    ),
  )
  const { received } = await rawExchange(port, get('/'), oneAnswer)
  t.equal(statusOf(received), 200)
  t.match(heads[0], {
    scheme: 'https',
    source: { address: '203.0.113.7', derivedFrom: 'x-forwarded-for', peer: '127.0.0.1' },
  })
})

t.test('draining lets an open exchange end, and nothing new begins', async (t) => {
  let finish = () => {}
  let begun = () => {}
  const started = new Promise<void>((resolve) => (begun = resolve))
  const { port, listener } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      finish = () => answer(client, 200, 'late')
      begun()
    },
  })
  const idle = rawExchange(port, '')
  const busy = rawExchange(port, get('/'))
  await started
  const drained = listener.drain(10_000)
  t.strictSame(await idle, { received: '', closed: true })
  t.strictSame(await rawExchange(port, get('/')), { received: '', closed: true }, 'not accepted any more')
  finish()
  t.match((await busy).received, /late$/)
  await drained
  t.equal(listener.openConnections, 0)
})

t.test('draining breaks off what takes too long', async (t) => {
  const { port, listener } = await listenerUnderTest(t, { onExchange: async () => {} })
  const busy = rawExchange(port, get('/'))
  while (listener.openConnections === 0) await new Promise((resolve) => setImmediate(resolve))
  await listener.drain(20)
  t.strictSame(await busy, { received: '', closed: true })
})
