import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { phoneAtApi } from '../helpers/company-app.ts'

const policy = `
networks: { wifi: [127.20.0.0/16] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
  - { name: Company app, when: { evidence: app }, then: allow }
access:
  - { name: Registered, then: allow }
`

/** A service that answers with this status and goes on and on; a phone whose app signs what it asks. */
async function streaming(t: Test, status: number) {
  const { gateway, phone } = await phoneAtApi(t, {
    async answer({ request: { url }, response }) {
      response.writeHead(url === '/sign-in' ? 200 : status)
      if (url === '/sign-in') response.end()
      else response.write('first')
    },
    policy,
    extra: '    public: [/public]\n',
  })
  const who = { 'x-user': 'alice', 'x-device': 'tablet' }
  const at = (path: string) => new URL(path, `https://api.localhost:${gateway.tls}`)
  return {
    gateway,
    revoke: async () => {
      const { appDevices } = await gateway.openStore()
      const [device] = await appDevices.list({ limit: 1 })
      return appDevices.revoke(device?.id ?? '', { name: 'admin', why: 'lost', at: Date.now() })
    },
    send: (path: string) => phone.send('GET', at(path), { ...who, ...phone.signOwn('GET', at(path)) }),
    /** From the Wi-Fi without a signature. */
    plainly: (path: string) => ask(t, { url: at(path), ca: gateway.ca, from: '127.20.0.5', headers: who }),
    open: (path: string) =>
      ask(t, {
        url: at(path),
        ca: gateway.ca,
        from: '127.99.0.1',
        headers: { ...who, ...phone.signOwn('GET', at(path)) },
      }),
  }
}

interface Asked {
  readonly url: URL
  readonly ca: string
  readonly from: string
  readonly headers: Readonly<Record<string, string>>
}

async function ask(t: Test, { url, ca, from, headers }: Asked) {
  const { hostname: host, port, pathname: path } = url
  const asking = request({
    ...{ host: '127.0.0.1', port, path, ca, servername: host, localAddress: from, agent: false },
    headers: { host: url.host, ...headers },
  })
  t.teardown(() => asking.destroy())
  asking.on('error', () => {})
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const stream = { status: response.statusCode, over: false, ended: Promise.resolve() }
  response.on('error', () => {})
  stream.ended = new Promise((resolve) =>
    response.once('close', () => {
      stream.over = true
      resolve()
    }),
  )
  response.resume()
  return stream
}

t.test('what a client of a revoked app has open ends at once', async (t) => {
  const { send, open, revoke } = await streaming(t, 200)
  t.equal((await send('/sign-in')).status, 200)
  const stream = await open('/stream')
  t.equal((await revoke())?.blocked.length, 1)
  await stream.ended
})

t.test('also when the app speaks for a client whose sign-in nobody has accepted yet', async (t) => {
  const { open, revoke } = await streaming(t, 202)
  const stream = await open('/stream')
  t.equal(stream.status, 202)
  t.equal((await revoke())?.blocked.length, 0, 'it is not registered')
  await stream.ended
})

t.test(
  'also what it has signed for a client that is registered by other evidence; the rest goes on',
  async (t) => {
    const { open, plainly, revoke } = await streaming(t, 202)
    await plainly('/sign-in')
    const signed = await open('/stream')
    const unsigned = await plainly('/stream')
    const unprotected = await open('/public')
    t.strictSame([signed.status, unsigned.status, unprotected.status], [202, 202, 202])
    await revoke()
    await signed.ended
    t.strictSame([unsigned.over, unprotected.over], [false, false])
  },
)

t.test('also when the revocation is in a record that was replaced, and no change tells of it', async (t) => {
  const { gateway, open } = await streaming(t, 202)
  const stream = await open('/stream')
  const record = new DatabaseSync(join(gateway.folder, 'record.db'))
  t.teardown(() => record.close())
  record.exec(`
    begin immediate;
    update app_devices set revoked_at = 1, revoked_by = 'admin', revoked_why = 'lost';
    insert into changes (sequence, kind, subject, mark) values (1000, 'registration', 'r_1', 'of another record');
    commit`)
  await stream.ended
})
