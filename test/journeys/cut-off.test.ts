import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import t from 'tap'
import WebSocket from 'ws'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'

function openWebSocket(gateway: GatewayUnderTest, cookie: string): WebSocket {
  // `servername` is node:tls's; the types of ws do not know that it is passed on.
  const options = {
    ca: gateway.ca,
    localAddress: internet,
    servername: 'chat.localhost',
    headers: { cookie, host: `chat.localhost:${gateway.tls}` },
  }
  return new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, options)
}

/** A long poll that stays parked; resolves with the error or the end that closes it. */
async function openLongPoll(gateway: GatewayUnderTest, cookie: string) {
  const poll = request({
    host: '127.0.0.1',
    port: gateway.tls,
    localAddress: internet,
    servername: 'chat.localhost',
    ca: gateway.ca,
    path: '/api/events',
    agent: false,
    headers: { host: `chat.localhost:${gateway.tls}`, cookie, accept: 'text/event-stream' },
  })
  poll.end()
  const ended = new Promise<string>((resolve) => {
    poll.on('error', (error) => resolve(error.message))
    poll.on('response', (response: IncomingMessage) => {
      response.resume()
      response.on('error', (error) => resolve(error.message))
      response.on('close', () => resolve('closed'))
    })
  })
  return { ended }
}

t.test('a block by the command line ends WebSockets and long polls of that device alone', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const alice = (await signIn(gateway, wifi)).cookies.join('; ')
  const bob = (await signIn(gateway, wifi, { user: 'bob' })).cookies.join('; ')
  const [ofAlice, ofBob] = [openWebSocket(gateway, alice), openWebSocket(gateway, bob)]
  await Promise.all([once(ofAlice, 'open'), once(ofBob, 'open')])
  const poll = await openLongPoll(gateway, alice)

  const store = await gateway.openStore()
  const [registration] = await store.registrations.list({ user: 'alice', limit: 1 })
  const closed = once(ofAlice, 'close')
  ofAlice.on('error', () => {})
  await store.registrations.block(registration?.registration.id ?? '', {
    name: 'admin',
    why: 'lost',
    at: Date.now(),
  })
  await closed
  await poll.ended
  t.equal(ofBob.readyState, WebSocket.OPEN, 'bob did not notice')
  ofBob.terminate()

  const refused = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie: alice } })
  t.equal(refused.status, 403)
  t.match(refused.body, 'device.blocked')
  await store.registrations.unblock(registration?.registration.id ?? '', {
    name: 'admin',
    why: 'found',
    at: Date.now(),
  })
})

t.test(
  'a policy that no longer allows a device ends its connections; one that still does touches nothing',
  async (t) => {
    const { gateway } = await chatBehindGateway(t)
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    const socket = openWebSocket(gateway, cookie)
    socket.on('error', () => {})
    await once(socket, 'open')

    writeFileSync(gateway.policyFile, `${evaluationLikePolicy}limits: { clientsPerUser: 3 }\n`)
    await gateway.running.reload()
    socket.ping()
    await once(socket, 'pong')

    const closed = once(socket, 'close')
    writeFileSync(
      gateway.policyFile,
      evaluationLikePolicy.replace('registeredWithin: 1d', 'registeredWithin: 1ms'),
    )
    await gateway.running.reload()
    await closed
    t.pass('closed')
  },
)
