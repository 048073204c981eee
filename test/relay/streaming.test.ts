import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { request } from 'undici'
import { rawUpstream, relayUnderTest, upstreamServer } from './relay-under-test.ts'

t.test('an answer comes through with its status, headers and body', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => {
    response.writeHead(207, { 'content-type': 'text/xml', 'x-one': '1' })
    response.end('<multistatus/>')
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const answer = await request(new URL('/dav?x=%2F', gateway.url))
  t.equal(answer.statusCode, 207)
  t.match(answer.headers, { 'content-type': 'text/xml', 'x-one': '1' })
  t.equal(await answer.body.text(), '<multistatus/>')
  t.match(await gateway.next(), { status: 207, ended: 'completed', retries: 0, upstream: upstream.origin })
})

t.test('the upstream gets the client’s own target, bytes and Host', async (t) => {
  let seen: IncomingMessage | undefined
  const upstream = await upstreamServer(t, (request, response) => {
    seen = request
    response.end()
  })
  const gateway = await relayUnderTest(t, {
    upstream: [upstream],
    order: { addFields: ['gatehouse-user', 'a'] },
  })
  const [answer] = await once(
    httpRequest(gateway.url, { path: '/a%2fb;c?d=%zz', headers: { host: 'mail.example.com' } }).end(),
    'response',
  )
  answer.resume()
  t.equal(seen?.url, '/a%2fb;c?d=%zz')
  t.match(seen?.headers, { host: 'mail.example.com', 'gatehouse-user': 'a', via: '1.1 gatehouse' })
})

for (const method of ['POST', 'PUT', 'GET', 'DELETE', 'PROPFIND']) {
  t.test(`a ${method} body goes through, with its length or chunked`, async (t) => {
    const seen: unknown[] = []
    let begun = Promise.withResolvers<void>()
    const upstream = await upstreamServer(t, async (request, response) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers
      request.once('data', () => begun.resolve())
      seen.push({ length, coding, body: await text(request) })
      response.end('ok')
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    for (const headers of [{ 'content-length': '11' }, { 'transfer-encoding': 'chunked' }]) {
      const outgoing = httpRequest(gateway.url, { method, headers })
      begun = Promise.withResolvers<void>()
      outgoing.write('hello ')
      await begun.promise
      outgoing.end('world')
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      t.equal(await text(answer), 'ok')
    }
    t.strictSame(seen, [
      { length: '11', coding: undefined, body: 'hello world' },
      { length: undefined, coding: 'chunked', body: 'hello world' },
    ])
  })
}

t.test('a body that has been read already is forwarded unchanged', async (t) => {
  let seen: string | undefined
  const upstream = await upstreamServer(t, async (request, response) => {
    seen = `${request.headers['content-length']} ${await text(request)}`
    response.end()
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream], order: { body: Buffer.from('user=anna') } })
  await (await request(gateway.url, { method: 'POST', body: 'user=anna' })).body.dump()
  t.equal(seen, '9 user=anna')
})

t.test('the answer begins before the request has ended', async (t) => {
  const upstream = await upstreamServer(t, (request, response) => {
    request.once('data', () => response.write('early'))
    request.once('end', () => response.end(' late'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const outgoing = httpRequest(gateway.url, { method: 'POST' })
  outgoing.write('first')
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  t.equal(String((await once(answer, 'data'))[0]), 'early')
  outgoing.end('second')
  t.equal(await text(answer), ' late')
})

t.test('HEAD, 204 and 304 have no body and keep what they say of one', async (t) => {
  const upstream = await upstreamServer(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    response.writeHead(status, status === 204 ? {} : { 'content-length': '12345', etag: '"x"' })
    response.end()
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const ask = async (path: string, method: string) => {
    const [answer] = await once(httpRequest(new URL(path, gateway.url), { method }).end(), 'response')
    const { statusCode, headers } = answer as IncomingMessage
    return { status: statusCode, headers, body: await text(answer as IncomingMessage) }
  }
  const described = { headers: { 'content-length': '12345', etag: '"x"' }, body: '' }
  t.match(await ask('/200', 'HEAD'), { status: 200, ...described })
  t.match(await ask('/304', 'GET'), { status: 304, ...described })
  const none = await ask('/204', 'GET')
  t.match(none, { status: 204, body: '' })
  t.notMatch(none.headers, { 'content-length': String })
})

t.test('trailers of an answer come through as trailers', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' })
    response.write('body')
    response.addTrailers({ 'x-sum': 'abc', 'gatehouse-user': 'forged' })
    response.end()
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const [answer] = (await once(httpRequest(gateway.url).end(), 'response')) as [IncomingMessage]
  t.equal(await text(answer), 'body')
  t.strictSame({ ...answer.trailers }, { 'x-sum': 'abc' })
})

t.test('102 and 103 pass, at most ten of them', async (t) => {
  const upstream = await rawUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n')
      for (let i = 0; i < 20; i++) socket.write('HTTP/1.1 102 Processing\r\n\r\n')
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const interim: unknown[] = []
  const outgoing = httpRequest(gateway.url).end()
  outgoing.on('information', ({ statusCode, headers }) => interim.push([statusCode, { ...headers }]))
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  t.equal(await text(answer), 'ok')
  t.strictSame(interim[0], [103, { link: '</a.css>' }])
  t.equal(interim.length, 10)
})

t.test('100 of the upstream stays behind, and a body that looks like it does not', async (t) => {
  const body = 'HTTP/1.1 100 Continue\r\n\r\n'
  let headArrived = Promise.withResolvers<void>()
  const upstream = await rawUpstream(t, (socket) => {
    socket.on('data', () => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`)
      void headArrived.promise.then(() => socket.write(body))
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  for (const method of ['GET', 'POST']) {
    const outgoing = httpRequest(gateway.url, { method }).end()
    outgoing.on('continue', () => t.fail('100 came through'))
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    headArrived.resolve()
    headArrived = Promise.withResolvers()
    t.equal(await text(answer), body)
  }
})

t.test('a client that reads slowly slows the upstream down', async (t) => {
  const size = 64 * 1024 * 1024
  let written = 0
  const upstream = await upstreamServer(t, (_request, response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const source = new Readable({
      read() {
        written += chunk.length
        this.push(written > size ? null : chunk)
      },
    })
    source.pipe(response)
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const [answer] = (await once(httpRequest(gateway.url).end(), 'response')) as [IncomingMessage]
  answer.pause()
  const stalled = await settled(() => written)
  t.ok(stalled < size / 2, `${stalled} of ${size} bytes were taken from the upstream`)
  let received = 0
  for await (const chunk of answer) received += chunk.length
  t.equal(received, size)
  t.match(await gateway.next(), { ended: 'completed' })
})

t.test('an upstream that reads slowly slows the client down', async (t) => {
  const size = 64 * 1024 * 1024
  let arrived: IncomingMessage | undefined
  const upstream = await upstreamServer(t, (request, response) => {
    arrived = request
    request.once('end', () => response.end('done'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  let sent = 0
  const source = new Readable({
    read() {
      sent += 65_536
      this.push(sent > size ? null : Buffer.alloc(65_536))
    },
  })
  const outgoing = httpRequest(gateway.url, { method: 'POST' })
  source.pipe(outgoing)
  const stalled = await settled(() => sent)
  t.ok(stalled < size / 2, `${stalled} of ${size} bytes were taken from the client`)
  arrived?.resume()
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  t.equal(await text(answer), 'done')
})

/** The value once it has stopped growing. */
async function settled(value: () => number): Promise<number> {
  for (let before = -1, same = 0; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const now = value()
    same = now === before && now > 0 ? same + 1 : 0
    if (same === 10) return now
    before = now
  }
}
