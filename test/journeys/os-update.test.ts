import t, { type Test } from 'tap'
import { startActiveSync } from '../../sim/activesync.ts'
import { chatBehindGateway, internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, form } from '../helpers/http-client.ts'
import { simulated } from '../helpers/simulation.ts'

function safari(version: string): string {
  return `Mozilla/5.0 (iPhone; CPU iPhone OS ${version.replaceAll('.', '_')} like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1`
}

async function versionsOf(gateway: GatewayUnderTest): Promise<unknown[]> {
  const found = await (await gateway.openStore()).registrations.list({ limit: 9 })
  return found.map(({ registration: { device } }) => device.osVersion)
}

t.test(
  'a browser that has been updated is known by its new version; another platform is no update',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t)
    const headers = { 'user-agent': safari('17.5') }
    const body = 'username=alice&password=wonderland'
    const signedIn = await ask({
      ...{ ...target, from: wifi, method: 'POST', path: '/login', body },
      headers: { ...form, ...headers },
    })
    const cookie = signedIn.cookies.join('; ')
    const visit = (userAgent: string) =>
      ask({ ...target, from: internet, path: '/api/messages', headers: { cookie, 'user-agent': userAgent } })
    t.strictSame(await versionsOf(gateway), ['17.5'])
    t.equal((await visit('Mozilla/5.0 (Linux; Android 99; SM-G991B)')).status, 200)
    t.equal((await visit(safari('17.6.1'))).status, 200)
    await eventually(async () => (await versionsOf(gateway))[0] === '17.6.1')
  },
)

async function mail(t: Test) {
  const server = await simulated(t, startActiveSync, { authentication: 'basic' as const })
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${server.url}"], client: activesync }`,
  })
  const sync = (version: string, { from = internet, password = 'wonderland' } = {}) =>
    ask({
      port: gateway.tls,
      host: 'mail.localhost',
      ca: gateway.ca,
      from,
      method: 'POST',
      path: '/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=phone&DeviceType=iPhone',
      headers: {
        authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
        'user-agent': `Example/3 (iPhone; iOS ${version})`,
      },
    })
  return { gateway, sync }
}

t.test(
  'who only claims to be a client changes nothing; its own sign-in does, once and upwards',
  async (t) => {
    const { gateway, sync } = await mail(t)
    t.equal((await sync('17.5', { from: wifi })).status, 200)
    t.strictSame(await versionsOf(gateway), ['17.5'])
    const { changes } = await gateway.openStore()
    const before = await changes.latest()
    t.equal((await sync('99.1', { password: 'guess' })).status, 401)
    t.equal((await sync('18.0.1')).status, 200)
    await eventually(async () => (await versionsOf(gateway))[0] === '18.0.1')
    t.equal((await sync('18.0.1')).status, 200)
    t.equal((await sync('17.5')).status, 200)
    await gateway.stop() // what has gathered is written at the latest now
    t.strictSame(await versionsOf(gateway), ['18.0.1'])
    t.equal(await changes.latest(), before + 1, 'one write')
  },
)
