import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { answer, answers, bodiesOf, listenerUnderTest, oneAnswer, rawExchange, readBody } from './support.ts'

const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\n${['Host: a.example', ...fields].join('\r\n')}\r\n\r\n`
const old = (...fields: string[]) =>
  `GET / HTTP/1.0\r\n${['Host: a.example', ...fields].join('\r\n')}\r\n\r\n`

t.test('an answer has a Date, and keeps the one that it has', async (t) => {
  const { port } = await listenerUnderTest(t, {
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 999),
    onExchange: async (head, client) => {
      client.sendHead(204, head.path === '/own' ? ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'] : [])
      client.end()
    },
  })
  const { received } = await rawExchange(port, get('/') + get('/own', 'Connection: close'))
  t.equal(
    received,
    'HTTP/1.1 204 No Content\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n' +
      'HTTP/1.1 204 No Content\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n\r\n',
  )
})

t.test('an answer cannot write lines of its own, nor the fields of framing', async (t) => {
  const problems: unknown[] = []
  const wrong = [
    ['X', 'a\r\nSet-Cookie: b'],
    ['X', 'a\nb'],
    ['X', 'a\0b'],
    ['X', '€'],
    ['X\r\nY', 'a'],
    ['X ', 'a'],
    ['', 'a'],
    ['Content-Length', '+1'],
  ]
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      for (const fields of wrong) {
        try {
          client.sendHead(200, fields)
        } catch (error) {
          problems.push((error as Error).name)
        }
      }
      client.sendHead(502, ['Transfer-Encoding', 'gzip', 'Connection', 'x-secret', 'Content-Length', '2'])
      client.write(Buffer.from('no'))
      client.end()
    },
  })
  const { received } = await rawExchange(port, get('/', 'Connection: close'))
  t.match(
    received,
    /^HTTP\/1\.1 502 Bad Gateway\r\nContent-Length: 2\r\nDate: [^\r]*\r\nConnection: close\r\n\r\nno$/,
  )
  t.strictSame(problems, Array(wrong.length).fill('TypeError'))
})

t.test('a handler that fails costs its client the exchange, not the process', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: (head) => {
      if (head.path === '/now') throw new Error('at once')
      return Promise.reject(new Error('later'))
    },
  })
  t.strictSame(await rawExchange(port, get('/now')), { received: '', closed: true })
  t.strictSame(await rawExchange(port, get('/later')), { received: '', closed: true })
})

t.test('chunks of any size come out whole', async (t) => {
  const sizes = [1, 15, 16_384, 16_385, 300_000]
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.sendHead(200, [])
      for (const size of sizes) client.write(Buffer.alloc(size, 'x'))
      client.end()
    },
  })
  const { received } = await rawExchange(port, get('/', 'Connection: close'))
  const chunks = sizes.map((size) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`).join('')
  t.ok(received.endsWith(`\r\n\r\n${chunks}0\r\n\r\n`))
})

t.test('HTTP/1.0 keeps its connection when it asks to and the answer has a length', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      if (head.fields.get('x') !== 'unknown') return answer(client, 200, 'length')
      client.sendHead(200, [])
      client.write(Buffer.from('to the end'))
      client.end()
    },
  })
  const keep = 'Connection: keep-alive'
  const { received, closed } = await rawExchange(port, old(keep) + old(keep, 'X: unknown') + old(keep))
  t.match(received, /Connection: keep-alive\r\n\r\nlengthHTTP[\s\S]*Connection: close\r\n\r\nto the end$/)
  t.equal(closed, true)
  t.match((await rawExchange(port, old() + old())).received, /Connection: close\r\n\r\nlength$/)
})

t.test('a client that is slower than the answer holds it back, until it has caught up', async (t) => {
  let drained = 0
  let heldBack = 0
  const piece = Buffer.alloc(65_536, 'x')
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      let left = 200
      const go = () => {
        while (left-- > 0) if (!client.write(piece)) return void heldBack++
        client.end()
      }
      client.sendHead(200, ['Content-Length', String(200 * piece.length)])
      client.onDrain(() => {
        drained++
        go()
      })
      go()
    },
  })
  const { received } = await rawExchange(port, get('/', 'Connection: close'))
  t.equal(bodiesOf(received)[0]?.length, 200 * piece.length)
  t.ok(heldBack > 0)
  t.equal(drained, heldBack)
})

t.test('a body that nobody reads is not taken in without bounds', async (t) => {
  let read = () => {}
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      await new Promise<void>((resolve) => (read = resolve))
      answer(client, 200, String((await readBody(client)).length))
    },
  })
  const size = 20_000_000
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n`)
  socket.write(Buffer.alloc(size))
  let before = -1
  while (before !== socket.bytesWritten - socket.writableLength || before <= 0) {
    before = socket.bytesWritten - socket.writableLength
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.ok(socket.writableLength > 0, 'the client has to wait')
  read()
  const [received] = await once(socket, 'data')
  t.match(String(received), /\r\n\r\n20000000$/)
})

t.test('a connection without a request is closed without a word', async (t) => {
  const { port, refusals } = await listenerUnderTest(t, { limits: { headerTimeout: 50 } })
  t.strictSame(await rawExchange(port, ''), { received: '', closed: true })
  t.strictSame(refusals, [], 'browsers open connections that they may never need')
})

t.test('an idle connection is closed after the keep-alive time, a busy one is not', async (t) => {
  const { port } = await listenerUnderTest(t, {
    limits: { keepAliveTimeout: 500, headerTimeout: 500 },
    onExchange: async (_head, client) => {
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      answer(client, 200, 'late')
    },
  })
  const { received, closed } = await rawExchange(port, get('/'))
  t.match(received, /late$/)
  t.equal(closed, true)
})

t.test('a head that stops between two requests is refused in time', async (t) => {
  const { port, refusals } = await listenerUnderTest(t, { limits: { headerTimeout: 1_000 } })
  const { received } = await rawExchange(port, `${get('/')}GET / HT`)
  t.equal(answers(received), 2)
  t.match(received, /HTTP\/1\.1 408 /)
  t.match(refusals, [{ reason: 'limit.header-time' }])
})

t.test(
  'a client that ends its half while it waits has given up; what was answered still reaches it',
  async (t) => {
    const ends: boolean[] = []
    const { port } = await listenerUnderTest(t, {
      onExchange: async (head, client) => {
        client.onClose((completed) => ends.push(completed))
        if (head.path === '/answered') answer(client, 200, 'x'.repeat(5_000_000))
      },
    })
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end(get('/parked'))
    await once(socket.resume(), 'close')
    const quick = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    quick.write(get('/answered'))
    await once(quick, 'readable')
    quick.end()
    let received = 0
    for await (const chunk of quick) received += chunk.length
    t.ok(received > 5_000_000)
    t.strictSame(ends, [false, true])
  },
)

t.test('who asks late for the end of an exchange is told at once', async (t) => {
  const told = await new Promise((resolve) => {
    void listenerUnderTest(t, {
      onExchange: async (_head, client) => {
        client.abort('cut-off')
        await new Promise<void>((done) => client.connection.onClose(done))
        client.onClose((completed) => resolve([completed, client.aborted]))
      },
    }).then(({ port }) => rawExchange(port, get('/')))
  })
  t.strictSame(told, [false, 'cut-off'])
})

t.test('breaking off an exchange that is over leaves the connection to the next one', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      client.onClose(() => {
        if (head.path === '/1') client.abort('failure')
      })
      answer(client, 200, head.path)
    },
  })
  const { received } = await rawExchange(port, get('/1') + get('/2', 'Connection: close'))
  t.strictSame(bodiesOf(received), ['/1', '/2'])
})

t.test('what a client sends before its handshake is answered is kept, however much it is', async (t) => {
  const size = 1_000_000
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const tunnel = client.switchProtocols?.([])
      let seen = 0
      tunnel?.on('data', (chunk: Buffer) => {
        seen += chunk.length
        if (seen === size) tunnel.end(`seen ${seen}`)
      })
    },
  })
  const handshake = get(
    '/socket',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )
  const { received } = await rawExchange(port, handshake + 'x'.repeat(size))
  t.match(received, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\nseen 1000000$/)
})

t.test('a client that goes away before its handshake is answered is noticed', async (t) => {
  const completed = await new Promise((resolve) => {
    void listenerUnderTest(t, { onExchange: async (_head, client) => client.onClose(resolve) }).then(
      ({ port }) => {
        const socket = connect(port, '127.0.0.1')
        const handshake = get(
          '/socket',
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        )
        socket.write(handshake, () => setTimeout(() => socket.destroy(), 50))
      },
    )
  })
  t.equal(completed, false)
})

t.test('the next request waits until the one before is read, answered and handled', async (t) => {
  const order: string[] = []
  const { port } = await listenerUnderTest(t, {
    onExchange: async (head, client) => {
      order.push(`begin ${head.path}`)
      client.onClose(() => order.push(`answered ${head.path}`))
      answer(client, 200, head.path)
      await new Promise((resolve) => setTimeout(resolve, 30))
      order.push(`handled ${head.path}`)
    },
  })
  const first = 'POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc'
  await rawExchange(port, first + get('/2', 'Connection: close'), (text) => answers(text) === 2)
  t.strictSame(order.slice(0, 4), ['begin /1', 'answered /1', 'handled /1', 'begin /2'])
})

t.test('an answer comes in one packet with its head, and a slow one shows its head at once', async (t) => {
  let go = () => {}
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.sendHead(200, ['Content-Length', '2'])
      await new Promise<void>((resolve) => (go = resolve))
      client.write(Buffer.from('ok'))
      client.end()
    },
  })
  const { received } = await rawExchange(port, get('/'), (text) => {
    if (text.endsWith('\r\n\r\n')) go()
    return oneAnswer(text)
  })
  t.match(received, /\r\n\r\nok$/)
})
