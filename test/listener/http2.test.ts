import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { ClientBodyError } from '../../src/gateway/client-side.ts'
import { loadTlsMaterial } from '../../src/gateway/listener/tls-material.ts'
import { certificates } from '../helpers/certificates.ts'
import { answer, listenerUnderTest } from './support.ts'

type Tap = typeof t
type Overrides = Parameters<typeof listenerUnderTest>[1]

async function http2Listener(t: Tap, overrides: Overrides = {}) {
  const { folder } = await certificates(t)
  const certificate = { cert: `${folder}/gateway.crt`, key: `${folder}/gateway.key` }
  const tls = await loadTlsMaterial({ certificates: [certificate], clientCa: [], crl: [], http2: true })
  const listen = { scheme: 'https' as const, host: '127.0.0.1', port: 0 }
  const under = await listenerUnderTest(t, { listen, tls, ...overrides })
  const open = () => {
    const session = connect(`https://mail.localhost:${under.port}`, {
      createConnection: () =>
        connectTls({
          port: under.port,
          host: '127.0.0.1',
          servername: 'mail.localhost',
          ALPNProtocols: ['h2'],
          rejectUnauthorized: false,
        }),
    })
    session.on('error', () => {})
    t.teardown(() => session.destroy())
    return session
  }
  return { ...under, open }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly body: string
  readonly trailers: Record<string, unknown> | undefined
  readonly reset: number
}

function finish(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: Record<string, unknown> = {}
    let trailers: Record<string, unknown> | undefined
    let body = ''
    stream.on('response', (received) => {
      headers = received
    })
    stream.on('trailers', (received) => {
      trailers = received
    })
    stream.on('data', (chunk) => {
      body += chunk
    })
    stream.on('error', () => {})
    stream.on('close', () =>
      resolve({
        status: headers[':status'] as number | undefined,
        headers,
        body,
        trailers,
        reset: stream.rstCode,
      }),
    )
  })
}

const host = { ':authority': 'mail.localhost' }

function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders = {}, body?: string): Promise<Answer> {
  const stream = session.request({ ...host, ...fields }, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return finish(stream)
}

t.test('a stream becomes one head and gets its answer', async (t) => {
  const { open, heads } = await http2Listener(t as Tap)
  const session = open()
  const answered = await ask(
    session,
    { ':method': 'POST', ':path': '/a?b', cookie: ['x=1', 'y=2'], te: 'trailers' },
    'abc',
  )
  t.match(answered, { status: 200, body: 'POST /a abc', reset: 0 })
  t.match(heads[0], {
    httpVersion: '2',
    host: 'mail.localhost',
    target: '/a?b',
    hasBody: true,
    scheme: 'https',
  })
  t.equal(heads[0]?.fields.get('cookie'), 'x=1; y=2')
  t.equal(heads[0]?.connection.tls?.serverName, 'mail.localhost')
})

t.test('streams are served side by side', async (t) => {
  const { open } = await http2Listener(t as Tap)
  const session = open()
  const answers = await Promise.all(['/1', '/2', '/3'].map((path) => ask(session, { ':path': path })))
  t.strictSame(
    answers.map(({ body }) => body),
    ['GET /1 ', 'GET /2 ', 'GET /3 '],
  )
})

t.test('what the rules refuse is refused on HTTP/2 too, and the other streams go on', async (t) => {
  const { open, heads, refusals } = await http2Listener(t as Tap)
  const session = open()
  const refused: readonly (readonly [OutgoingHttpHeaders, number, string])[] = [
    [{ ':path': '/a/../b' }, 400, 'path.ambiguous'],
    [{ ':path': '/a#b' }, 400, 'http.target'],
    [{ host: 'evil.example' }, 400, 'http.host'],
    [{ ':method': 'TRACE' }, 405, 'http.method'],
    [{ ':method': 'PROPFIND' }, 405, 'http.method'],
    [{ ':path': `/${'x'.repeat(17_000)}` }, 414, 'limit.target-size'],
    [{ 'content-digest': ['a=:YQ==:', 'b=:Yg==:'] }, 400, 'http.field-repeated'],
    [{ expect: 'x' }, 417, 'http.expect'],
    [Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`x-${n}`, 'y'])), 431, 'limit.header-size'],
    [{ ':scheme': 'http' }, 400, 'http.target'],
  ]
  for (const [fields, status, reason] of refused) {
    const { status: found } = await ask(session, fields)
    t.equal(found, status, reason)
    t.equal(refusals.pop()?.reason, reason)
  }
  t.equal(heads.length, 0)
  t.match(await ask(session), { status: 200 })
})

t.test('a body over its limit is refused', async (t) => {
  const { open } = await http2Listener(t as Tap, {
    onExchange: async (_head, client) => {
      client.limitBody(5)
      client.body?.on('error', (error) => answer(client, 413, (error as ClientBodyError).reason)).resume()
    },
  })
  t.match(await ask(open(), { ':method': 'POST' }, 'x'.repeat(100_000)), {
    status: 413,
    body: 'limit.body-size',
  })
})

t.test('a Content-Length that the body does not keep breaks the stream off', async (t) => {
  const { open } = await http2Listener(t as Tap)
  t.not(
    (await ask(open(), { ':method': 'POST', 'content-length': 5 }, 'abc')).reset,
    constants.NGHTTP2_NO_ERROR,
  )
})

t.test('a body that nobody wants does not end the connection', async (t) => {
  const { open } = await http2Listener(t as Tap, {
    onExchange: async (_head, client) => answer(client, 403, 'no'),
  })
  const session = open()
  t.match(await ask(session, { ':method': 'POST' }, 'x'.repeat(300_000)), { status: 403 })
  t.match(await ask(session), { status: 403 })
})

t.test('interim answers, repeated fields and trailers are passed on', async (t) => {
  const { open } = await http2Listener(t as Tap, {
    onExchange: async (_head, client) => {
      client.sendInformational(103, ['Link', '</a>'])
      client.sendHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])
      client.write(Buffer.from('a'))
      client.end(['X-Sum', '1'])
    },
  })
  const stream = open().request(host)
  const interim = new Promise((resolve) => stream.on('headers', (fields) => resolve(fields[':status'])))
  t.match(await finish(stream), {
    status: 200,
    body: 'a',
    headers: { 'set-cookie': ['a=1', 'b=2'] },
    trailers: { 'x-sum': '1' },
    reset: 0,
  })
  t.equal(await interim, 103)
})

t.test('HEAD has a length and no body', async (t) => {
  const { open } = await http2Listener(t as Tap, {
    onExchange: async (_head, client) => answer(client, 200, 'abc'),
  })
  t.match(await ask(open(), { ':method': 'HEAD' }), {
    status: 200,
    headers: { 'content-length': '3' },
    body: '',
    reset: 0,
  })
})

t.test('a broken-off answer is seen to be incomplete, and HTTP/1.1 can be asked for', async (t) => {
  const ends: boolean[] = []
  const { open } = await http2Listener(t as Tap, {
    onExchange: async (head, client) => {
      client.onClose((completed) => ends.push(completed))
      if (head.path === '/') return client.abort('http1-required')
      client.sendHead(200, [])
      client.write(Buffer.from('a'))
      client.abort('cut-off')
    },
  })
  const session = open()
  t.match(await ask(session), { status: undefined, reset: constants.NGHTTP2_HTTP_1_1_REQUIRED })
  t.not((await ask(session, { ':path': '/after' })).reset, constants.NGHTTP2_NO_ERROR)
  t.strictSame(ends, [false, false])
})

t.test('a client that resets streams again and again loses its connection', async (t) => {
  let seen = () => {}
  const { open, refusals, heads } = await http2Listener(t as Tap, {
    limits: { streamResets: 20 },
    onExchange: async () => seen(),
  })
  const session = open()
  let code: number | undefined
  session.on('goaway', (received) => {
    code = received
  })
  const ended = new Promise<void>((resolve) => session.on('close', resolve))
  for (let i = 0; i < 40 && !session.destroyed; i++) {
    const arrived = new Promise<void>((resolve) => {
      seen = resolve
    })
    const stream = session.request(host)
    stream.on('error', () => {})
    await Promise.race([arrived, ended])
    stream.close(constants.NGHTTP2_CANCEL)
  }
  await ended
  t.equal(code, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.match(refusals, [{ detail: /resets/ }])
  t.ok(heads.length < 40)
})

t.test('a client without a request, and one that is idle, lose their connections', async (t) => {
  const { open } = await http2Listener(t as Tap, {
    limits: { headerTimeout: 1_000, keepAliveTimeout: 1_000 },
  })
  const silent = open()
  await new Promise((resolve) => silent.on('close', resolve))
  const idle = open()
  t.match(await ask(idle), { status: 200 })
  await new Promise((resolve) => idle.on('close', resolve))
})

t.test('draining lets open streams end', async (t) => {
  let finishLate = () => {}
  let begun = () => {}
  const started = new Promise<void>((resolve) => {
    begun = resolve
  })
  const { open, listener } = await http2Listener(t as Tap, {
    onExchange: async (_head, client) => {
      finishLate = () => answer(client, 200, 'late')
      begun()
    },
  })
  const session = open()
  const late = ask(session)
  await started
  const goaway = new Promise((resolve) => session.on('goaway', resolve))
  const drained = listener.drain(10_000)
  t.equal(await goaway, constants.NGHTTP2_NO_ERROR)
  finishLate()
  t.match(await late, { status: 200, body: 'late' })
  await drained
})
