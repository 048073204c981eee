import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import {
  certificateRequest,
  readScepReply,
  scepRequest,
  temporaryIdentity,
} from '../../../sim/scep-client.ts'
import { createScepProxy } from '../../../src/enrollment/scep/proxy.ts'
import { rsaKey, scepServer } from '../../helpers/scep.ts'

async function proxyTo(t: Test, listener: RequestListener, requests = 100) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let hits = 0
  const proxy = createScepProxy({
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/certsrv?profile=devices`),
    ca: [],
    settings: { requests, attempts: 2 },
    keys: { bind: async () => 'bound' },
    now: Date.now,
    onDecided: () => {},
    counters: { hit: async () => ++hits },
    onFailure: () => {},
  })
  t.teardown(async () => {
    await proxy.close()
    server.closeAllConnections()
    server.close()
  })
  const nothing = Buffer.alloc(0)
  return {
    get: (query: string) =>
      proxy.handle({ method: 'GET', query, body: nothing, source: '127.0.0.5' }, 'challenge'),
    post: (body: Buffer) =>
      proxy.handle(
        { method: 'POST', query: 'operation=PKIOperation', body, source: '127.0.0.5' },
        'challenge',
      ),
  }
}

t.test('an address that asks too often is told so, and the server behind hears nothing of it', async (t) => {
  let heard = 0
  const listener: RequestListener = (_, response) => {
    heard += 1
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.end('GetNextCACert')
  }
  const { get, post } = await proxyTo(t, listener, 2)
  for (let ask = 0; ask < 2; ask++) t.equal((await get('operation=GetCACaps')).status, 200)
  const before = heard
  for (const answer of [await get('operation=GetCACaps'), await post(Buffer.from('x'))])
    t.strictSame([answer.status, Object.fromEntries(answer.headers)['Retry-After']], [429, '60'])
  t.equal(heard, before)
})

t.test('SCEP is passed on to the server behind, and its answers back', async (t) => {
  const behind = await scepServer(t)
  const { get, post } = await proxyTo(t, (request, response) => {
    void (async () => {
      const [path, query = ''] = request.url?.split('?') ?? []
      t.equal(path, '/certsrv')
      t.match(query, 'profile=devices')
      const answer = await behind.handle({
        method: request.method ?? '',
        query,
        body: await buffer(request),
        source: 'proxy',
      })
      response.writeHead(answer.status, answer.headers.flat())
      response.end(answer.body)
    })()
  })
  const ca = behind.service.issuing.certificate
  t.match((await get('operation=GetCACaps')).body.toString(), 'AES')
  t.ok((await get('operation=GetCACert')).body.equals(ca.raw))
  const key = rsaKey()
  const signer = temporaryIdentity(key, behind.clock.now)
  const content = certificateRequest({
    key,
    commonName: 'UDID-1',
    challenge: await behind.challenge('UDID-1'),
  })
  const message = scepRequest({ ca, signer, content, at: behind.clock.now })
  t.equal(readScepReply((await post(message)).body, ca, signer).status, 'success')
  const asked = await get(`operation=PKIOperation&message=${message.toString('base64url')}`)
  t.equal(readScepReply(asked.body, ca, signer).status, 'success')
})

t.test('nothing but SCEP passes, in either direction', async (t) => {
  let asked = 0
  const { get, post } = await proxyTo(t, (_request, response) => {
    asked++
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end('<script>')
  })
  t.equal((await get('operation=Shutdown')).status, 404)
  t.equal((await post(Buffer.from('not a message'))).status, 400)
  t.equal((await post(Buffer.alloc(70_000))).status, 400)
  t.equal(asked, 0)
  t.equal((await get('operation=GetCACert')).status, 502, 'not an answer of SCEP')
})

t.test(
  'a server behind that is not there, refuses or never ends is told as a gateway’s failure',
  async (t) => {
    const { get } = await proxyTo(t, (request, response) => {
      if (request.url?.includes('GetCACaps')) return void response.writeHead(500).end()
      if (request.url?.includes('GetNextCACert')) return void response.destroy()
      response.writeHead(200, { 'content-type': 'application/x-x509-ca-cert' })
      response.end(Buffer.alloc(300_000))
    })
    t.equal((await get('operation=GetCACaps')).status, 502)
    t.equal((await get('operation=GetNextCACert')).status, 502)
    t.equal((await get('operation=GetCACert')).status, 502, 'too long')
  },
)
