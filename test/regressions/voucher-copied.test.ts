/**
 * The attack: visit the VPN address once with a managed device, and copy the cookie that tells of it to any number of
 * other browsers. For ten minutes each of them could register.
 */
import t from 'tap'
import { chatBehindGateway, internet, signIn, vpn } from '../helpers/chat.ts'
import { ask, navigation } from '../helpers/http-client.ts'

t.test('one visit to the VPN registers one client', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const visit = (from: string, location: unknown, cookies: readonly string[] = []) => {
    const { hostname: host, pathname, search } = new URL(String(location))
    const headers = { ...navigation, cookie: cookies.join('; ') }
    return ask({ ...target, host, from, path: pathname + search, headers })
  }
  const departure = await visit(internet, 'https://chat.localhost/')
  const arrival = await visit(vpn, departure.headers.location)
  const back = await visit(internet, arrival.headers.location, departure.cookies)
  const cookie = back.cookies.join('; ')
  const first = await signIn(gateway, internet, { cookie })
  t.equal(first.status, 302)
  t.ok(first.cookies.includes('__Host-gatehouse-voucher='), 'its browser forgets it')
  const copied = await signIn(gateway, '127.98.0.1', { cookie })
  t.equal(copied.status, 400)
  t.notOk(copied.cookies.some((set) => set.startsWith('__Host-gatehouse-device')))
  t.equal((await (await gateway.openStore()).registrations.list({ limit: 5 })).length, 1)
})
