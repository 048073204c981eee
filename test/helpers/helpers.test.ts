import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { certificates } from './certificates.ts'
import { chromium } from './chromium.ts'
import { openIdProvider } from './open-id-provider.ts'
import { rawExchange } from './raw-exchange.ts'

async function listening(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test(
  'a raw exchange sends just those bytes from that address, and gets what comes until the close',
  async (t) => {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => socket.end(`${socket.remoteAddress} ${chunk.toString('hex')}`))
    })
    const port = await listening(t, server)
    const answer = await rawExchange(port, 'a\0\xff\r', { localAddress: '127.30.0.9' })
    t.equal(answer, '127.30.0.9 6100ff0d')
  },
)

t.test('a raw exchange goes over TLS, and ends where it is told to', async (t) => {
  const { ca, gateway } = await certificates(t)
  const server = createTlsServer({ cert: gateway.certificate, key: gateway.key }, (socket) => {
    socket.on('error', () => {})
    socket.write('hello, still open')
  })
  const port = await listening(t, server)
  const tls = { ca: ca.certificate, servername: 'mail.localhost' }
  t.equal(await rawExchange(port, '', { tls, until: (text) => text.endsWith('open') }), 'hello, still open')
})

t.test('the OpenID provider signs in with the right password only', async (t) => {
  const back = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback')
  })
  const redirectUri = `http://localhost:${await listening(t, back)}/callback`
  const { issuer } = await openIdProvider(t, { redirectUris: [redirectUri] })
  const query = new URLSearchParams({ client_id: 'app', response_type: 'code', scope: 'openid' })
  query.set('redirect_uri', redirectUri)
  const page = await (await chromium(t)).newPage()
  await page.goto(`${issuer}/auth?${query}`)
  await page.locator('[name=username]').fill('alice')
  await page.locator('[name=password]').fill('nope')
  await page.getByRole('button').click()
  await page.getByText('Wrong user name or password.').waitFor()
  await page.locator('[name=username]').fill('alice')
  await page.locator('[name=password]').fill('wonderland')
  await page.getByRole('button').click()
  await page.waitForURL(/\/callback\?code=/)
  t.match(page.url(), new RegExp(`^${redirectUri}\\?code=`))
})
