import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { chatBehindGateway, internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, form } from '../helpers/http-client.ts'

const proxy = '127.77.0.1'
const trusting = '  trustedProxies: [127.77.0.1, 127.77.0.2]\n'
const loginBody = 'username=alice&password=wonderland'

t.test('behind a trusted proxy the true source decides, and the line says how it was derived', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, { gateway: trusting })
  const signIn = (from: string, forwarded: string) =>
    ask({
      ...{ ...target, from, method: 'POST', path: '/login', body: loginBody },
      headers: { ...form, 'x-forwarded-for': forwarded },
    })
  t.equal((await signIn(internet, wifi)).status, 403, 'nobody believes a stranger')
  t.equal(
    (await signIn(proxy, `${wifi}, ${internet}`)).status,
    403,
    'what the client wrote stands to the left',
  )
  const registered = await signIn(proxy, `6.6.6.6, ${wifi}, 127.77.0.2`)
  t.equal(registered.status, 302)
  const line = await eventually(() => gateway.log().find(({ verdict }) => verdict === 'register'))
  t.match(line, { source: wifi, sourceFrom: 'x-forwarded-for', peer: proxy })
  const [state] = await (await gateway.openStore()).registrations.list({ limit: 1 })
  t.equal(state?.registration.source, wifi)
})

/** One sign-in behind these bytes; the answer, or nothing where the gateway closed the connection. */
async function signInBehind(
  gateway: GatewayUnderTest,
  first: Uint8Array,
  { from = proxy, tls = false }: { readonly from?: string; readonly tls?: boolean } = {},
): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: tls ? gateway.tls : gateway.plain, localAddress: from })
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (first.byteLength > 0) socket.write(first)
  let stream: Socket = socket
  if (tls) {
    stream = connectTls({ socket, ca: gateway.ca, servername: 'chat.localhost', ALPNProtocols: ['http/1.1'] })
    stream.on('error', () => {})
  }
  stream.write(
    `POST /login HTTP/1.1\r\nHost: chat.localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${loginBody.length}\r\nConnection: close\r\n\r\n${loginBody}`,
  )
  return text(stream).catch(() => '')
}

function version1(source: string): Buffer {
  return Buffer.from(`PROXY TCP4 ${source} 127.0.0.1 50000 443\r\n`)
}

function version2(source: string): Buffer {
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  const addresses = Buffer.from([...source.split('.').map(Number), 127, 0, 0, 1])
  return Buffer.concat([
    signature,
    Buffer.from([0x21, 0x11, 0, 12]),
    addresses,
    Buffer.from([0xc3, 0x50, 1, 0xbb]),
  ])
}

for (const [version, header] of [
  ['1', version1],
  ['2', version2],
] as const) {
  for (const tls of [false, true]) {
    t.test(
      `the PROXY protocol (version ${version}) names the true source, ${tls ? 'over TLS' : 'plain'}`,
      async (t) => {
        const { gateway } = await chatBehindGateway(t, { gateway: `${trusting}  proxyProtocol: true\n` })
        t.match(await signInBehind(gateway, header(internet), { tls }), /^HTTP\/1\.1 403 /)
        t.match(await signInBehind(gateway, header(wifi), { tls }), /^HTTP\/1\.1 302 /)
        const line = await eventually(() => gateway.log().find(({ verdict }) => verdict === 'register'))
        t.match(line, { source: wifi, sourceFrom: 'proxy-protocol', peer: proxy })
        t.equal(
          await signInBehind(gateway, header(wifi), { tls, from: internet }),
          '',
          'from who is not trusted',
        )
        t.equal(await signInBehind(gateway, Buffer.alloc(0), { tls }), '', 'without the header')
        t.equal((await (await gateway.openStore()).registrations.list({ limit: 5 })).length, 1)
      },
    )
  }
}
