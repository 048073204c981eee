import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { issueCertificate } from '../../sim/certificates.ts'
import { type Handler, startSimulation } from '../../sim/simulation.ts'
import { VendorError } from '../../src/compliance/connectors/connector.ts'
import {
  createVendorHttp,
  type VendorHttpOptions,
  type VendorRetry,
} from '../../src/compliance/connectors/http.ts'
import { Secret } from '../../src/settings/secret.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

interface Change extends Partial<VendorHttpOptions> {
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly path?: string
}

async function vendor(t: Test, handler: Handler, { tls, path = '', ...change }: Change = {}) {
  const simulation = await startSimulation({ port: 0, ...(tls && { tls }) }, handler)
  const waits: number[] = []
  const retries: VendorRetry[] = []
  const http = createVendorHttp({
    base: new URL(simulation.url + path),
    now: () => now,
    random: () => 0.5,
    onRetry: (retry) => retries.push(retry),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    ...change,
  })
  t.teardown(async () => {
    await http.close()
    await simulation.close()
  })
  return { simulation, http, waits, retries }
}

async function failure(t: Test, call: Promise<unknown>): Promise<VendorError> {
  const error = await call.then(
    () => t.fail('there was no error'),
    (error: unknown) => error,
  )
  t.ok(error instanceof VendorError, inspect(error))
  return error as VendorError // the line above has checked it
}

t.test('relative addresses begin where the base address ends', async (t) => {
  const { simulation, http } = await vendor(t, (exchange) => exchange.json(200, {}), { path: '/m/tenant' })
  await http.request({ url: 'api/devices?page=1' })
  await http.request({ url: '/api/devices' })
  t.strictSame(
    simulation.requests.map(({ target }) => target),
    ['/m/tenant/api/devices?page=1', '/api/devices'],
  )
})

t.test('an address at another origin is refused before anything is sent, unless it is named', async (t) => {
  const elsewhere = await startSimulation({ port: 0 }, (exchange) => exchange.json(200, {}))
  t.teardown(() => elsewhere.close())
  const { http, simulation } = await vendor(t, (exchange) => exchange.json(200, {}))
  const port = new URL(simulation.url).port
  const addresses = [
    `${elsewhere.url}/next`,
    `//127.0.0.1:${elsewhere.port}/next`,
    `https://127.0.0.1:${port}/next`,
    `http://user:password@127.0.0.1:${port}/next`,
    'http://',
    'file:///etc/passwd',
  ]
  for (const url of addresses) t.equal((await failure(t, http.request({ url }))).code, 'protocol', url)
  t.equal(elsewhere.requests.length + simulation.requests.length, 0)
  await http.request({ url: `${elsewhere.url}/token`, origins: [elsewhere.url] })
  t.equal(elsewhere.requests.length, 1)
})

t.test('a redirect is refused, also within the vendor’s own host', async (t) => {
  const { simulation, http } = await vendor(t, (exchange) => exchange.redirect('/login'))
  t.match(await failure(t, http.request({ url: 'x' })), { code: 'protocol', message: /redirects to/ })
  t.equal(simulation.requests.length, 1)
})

t.test('what may pass is tried four times, with back-off that grows', async (t) => {
  const { simulation, http, waits, retries } = await vendor(t, (exchange) => exchange.html(503, 'busy'))
  t.match(await failure(t, http.request({ url: 'x?token=abc' })), {
    code: 'vendor-failure',
    message: /HTTP 503/,
  })
  t.equal(simulation.requests.length, 4)
  t.strictSame(waits, [250, 500, 1000])
  t.strictSame(
    retries.map(({ attempt, path }) => [attempt, path]),
    [
      [1, '/x'],
      [2, '/x'],
      [3, '/x'],
    ],
  )
})

t.test('the wait is jittered over its whole length', async (t) => {
  const { http, waits } = await vendor(t, (exchange) => exchange.text(500, ''), { random: () => 0 })
  await failure(t, http.request({ url: 'x' }))
  t.strictSame(waits, [0, 0, 0])
})

t.test('an answer below 500 is the caller’s to read, but 408 and 429', async (t) => {
  for (const status of [200, 204, 400, 401, 403, 404, 409]) {
    const { http, simulation } = await vendor(t, (exchange) => exchange.send(status, '', {}))
    t.equal((await http.request({ url: 'x' })).status, status)
    t.equal(simulation.requests.length, 1)
  }
  for (const status of [408, 429]) {
    const { http, simulation } = await vendor(t, (exchange) => exchange.send(status, '', {}))
    await failure(t, http.request({ url: 'x' }))
    t.equal(simulation.requests.length, 4, String(status))
  }
})

t.test('how long to wait is read from each field that vendors use', async (t) => {
  const at = new Date(now + 60_000).toUTCString()
  const fields = [
    [{ 'retry-after': '60' }, 60_000],
    [{ 'retry-after': at }, 60_000],
    [{ 'retry-after': new Date(now - 60_000).toUTCString() }, 0],
    [{ 'x-ratelimit-reset': String((now + 60_000) / 1000) }, 60_000],
    [{ 'retry-after': 'soon' }, undefined],
    // As if never again, which no timer holds either.
    [{ 'retry-after': '999999999' }, 86_400_000],
    [{ 'x-ratelimit-reset': '9999999999' }, 86_400_000],
    [{}, undefined],
  ] as const
  for (const [headers, expected] of fields) {
    const { http } = await vendor(t, (exchange) => exchange.send(429, '', headers))
    t.equal((await failure(t, http.request({ url: 'x' }))).retryAfter, expected, JSON.stringify(headers))
  }
})

t.test('a vendor that wants more than two minutes is not waited for', async (t) => {
  const { http, simulation, waits } = await vendor(t, (exchange) =>
    exchange.send(429, '', { 'retry-after': '3600' }),
  )
  t.match(await failure(t, http.request({ url: 'x' })), { code: 'throttled', retryAfter: 3_600_000 })
  t.equal(simulation.requests.length, 1)
  t.strictSame(waits, [])
})

t.test('an answer above the size limit is dropped while it arrives', async (t) => {
  const { http, simulation } = await vendor(t, (exchange) => exchange.text(200, 'x'.repeat(5000)), {
    maxBytes: 1000,
  })
  t.match(await failure(t, http.request({ url: 'x' })), { code: 'protocol', message: /longer than 1000/ })
  t.equal(simulation.requests.length, 1)
})

t.test('JSON may begin with a byte order mark, and texts of 10 MB are left out', async (t) => {
  const body = `\ufeff${JSON.stringify({ a: 'A'.repeat(10_000_000), list: ['b', 'B'.repeat(10_000_000)] })}`
  const { http } = await vendor(t, (exchange) => exchange.text(200, body))
  t.strictSame((await http.request({ url: 'x' })).json(), { a: undefined, list: ['b', undefined] })
})

t.test('what is no JSON is said in words, without quoting any of it', async (t) => {
  const bodies = [
    ['<!DOCTYPE html><p>s3cret', /a page for people \(HTML\)/],
    ['<html>s3cret', /HTML/],
    ['<?xml version="1.0"?><a>s3cret</a>', /XML/],
    ['{"token":"s3cret', /cut off or broken/],
    ['', /nothing/],
    ['s3cret', /something else/],
    [`${'['.repeat(40)}"s3cret"${']'.repeat(40)}`, /nested too deeply/],
    ['['.repeat(200_000), /cut off or broken/],
  ] as const
  for (const [body, words] of bodies) {
    const { http } = await vendor(t, (exchange) => exchange.html(200, body))
    const answer = await http.request({ url: 'x' })
    const error = await failure(
      t,
      Promise.resolve().then(() => answer.json()),
    )
    t.match(error, { code: 'protocol', message: words })
    t.notMatch(inspect(error, { depth: 10 }), /s3cret/)
  }
})

t.test('a certificate that is not accepted is told as such, and not tried again', async (t) => {
  const request = { commonName: '127.0.0.1', use: 'server', addresses: ['127.0.0.1'] } as const
  const day = 24 * 60 * 60_000
  const ca = await issueCertificate({
    commonName: 'CA',
    use: 'authority',
    notBefore: Date.now() - 30 * day,
    days: 60,
  })
  const cases = [
    [
      'expired',
      { ...request, notBefore: Date.now() - 20 * day, days: 10 },
      [ca.certificate],
      /expired, or this machine’s clock/,
    ],
    [
      'not yet valid',
      { ...request, notBefore: Date.now() + 5 * day, days: 10 },
      [ca.certificate],
      /not valid yet/,
    ],
    [
      'of another name',
      { ...request, addresses: ['127.9.9.9'], notBefore: Date.now() - day, days: 10 },
      [ca.certificate],
      /for another name/,
    ],
    ['of an unknown CA', { ...request, notBefore: Date.now() - day, days: 10 }, [], /name it with `ca`/],
  ] as const
  for (const [title, certificate, trusted, words] of cases) {
    await t.test(title, async (t) => {
      const { certificate: cert, key } = await issueCertificate({ ...certificate, issuer: ca })
      const { http, waits, simulation } = await vendor(t, (exchange) => exchange.json(200, {}), {
        tls: { cert, key },
        ca: trusted,
      })
      t.match(await failure(t, http.request({ url: 'x' })), { code: 'certificate', message: words })
      t.strictSame(waits, [])
      t.equal(simulation.requests.length, 0)
    })
  }
  const good = await issueCertificate({ ...request, issuer: ca, notBefore: Date.now() - day, days: 10 })
  const { http } = await vendor(t, (exchange) => exchange.json(200, {}), {
    tls: { cert: good.certificate, key: good.key },
    ca: [ca.certificate],
  })
  t.equal((await http.request({ url: 'x' })).status, 200)
})

t.test('no answer, a broken one and a silent one are unreachable, after four tries', async (t) => {
  const silent = createTcpServer(() => {})
  const closing = createTcpServer((socket) => socket.destroy())
  for (const server of [silent, closing]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const { http, waits } = await vendor(t, () => {}, {
      base: new URL(`http://127.0.0.1:${port}`),
      patience: 200,
    })
    t.equal((await failure(t, http.request({ url: 'x' }))).code, 'unreachable')
    t.equal(waits.length, 3)
  }
  const cut = await vendor(t, ({ response }) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('{', () => response.destroy())
  })
  t.equal((await failure(t, cut.http.request({ url: 'x' }))).code, 'unreachable')
})

t.test('an answer that drips without end is given up', async (t) => {
  const { http } = await vendor(
    t,
    ({ response }) => {
      const drip = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(drip))
    },
    { patience: 150 },
  )
  t.match(await failure(t, http.request({ url: 'x' })), { code: 'unreachable', message: /took too long/ })
})

t.test('an abort ends a call with its own reason, before, during and between the tries', async (t) => {
  const before = new AbortController()
  before.abort()
  const { http, simulation } = await vendor(t, (exchange) => exchange.text(503, ''))
  await t.rejects(http.request({ url: 'x', signal: before.signal }), { name: 'AbortError' })
  t.equal(simulation.requests.length, 0)
  const during = new AbortController()
  const hanging = await vendor(t, () => during.abort(new Error('stop')))
  await t.rejects(hanging.http.request({ url: 'x', signal: during.signal }), { message: 'stop' })
  const between = new AbortController()
  const waiting = createVendorHttp({
    base: new URL(simulation.url),
    now: () => now,
    random: () => 1,
    onRetry: () => between.abort(),
  })
  t.teardown(() => waiting.close())
  await t.rejects(waiting.request({ url: 'x', signal: between.signal }), { name: 'AbortError' })
})

t.test('a proxy is used where one is set, with its own credentials, which go nowhere else', async (t) => {
  const authorization: (string | undefined)[] = []
  const proxy = createServer((request, response) => {
    authorization.push(request.headers['proxy-authorization'])
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"by":"proxy"}')
  })
  proxy.on('connect', (request, socket) => {
    authorization.push(request.headers['proxy-authorization'])
    const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    proxy.close()
    proxy.closeAllConnections()
  })
  const { port } = proxy.address() as AddressInfo
  const { certificate: cert, key } = await issueCertificate({
    commonName: '127.0.0.1',
    use: 'server',
    addresses: ['127.0.0.1'],
    notBefore: Date.now() - 60_000,
    days: 10,
  })
  const { http, simulation } = await vendor(t, (exchange) => exchange.json(200, { by: 'vendor' }), {
    tls: { cert, key },
    ca: [cert],
    proxy: {
      url: new URL(`http://127.0.0.1:${port}`),
      user: 'gatehouse',
      password: new Secret('proxy-password', { env: 'P' }),
    },
  })
  t.strictSame((await http.request({ url: 'x' })).json(), { by: 'vendor' })
  t.strictSame(authorization, [`Basic ${Buffer.from('gatehouse:proxy-password').toString('base64')}`])
  t.equal(simulation.requests[0]?.headers['proxy-authorization'], undefined)
})

t.test('a proxy that refuses is told as such, without its credentials', async (t) => {
  const proxy = createServer()
  proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => proxy.close())
  const { port } = proxy.address() as AddressInfo
  const { http } = await vendor(t, () => {}, {
    base: new URL('https://mdm.example.com'),
    proxy: {
      url: new URL(`http://127.0.0.1:${port}`),
      user: 'gatehouse',
      password: new Secret('proxy-password', { env: 'P' }),
    },
  })
  const error = await failure(t, http.request({ url: 'x' }))
  t.match(error, { code: 'unreachable', message: /the proxy does not connect.*407/ })
  t.notMatch(inspect(error, { depth: 10 }), /proxy-password|cHJveHk/)
})

t.test('headers and bodies of a request stand in no error', async (t) => {
  const { http } = await vendor(t, (exchange) => exchange.request.socket.destroy())
  const headers = { authorization: 'Bearer s3cret' }
  const error = await failure(
    t,
    http.request({ method: 'POST', url: 'x?key=s3cret', headers, body: 's3cret' }),
  )
  t.notMatch(inspect(error, { depth: 10 }), /s3cret/)
})

t.test('a secret that no header can carry is a mistake of the settings, said without it', async (t) => {
  const { http, simulation } = await vendor(t, (exchange) => exchange.json(200, {}))
  for (const authorization of ['s3cret\n', 's3cret\r\nx: y', 's3cret\0', 's3cret“']) {
    const error = await failure(t, http.request({ url: 'x', headers: { authorization } }))
    t.match(error, { code: 'settings', message: /`authorization`/ })
    t.notMatch(inspect(error, { depth: 10 }), /s3cret/)
  }
  t.equal(simulation.requests.length, 0)
})
