import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { simulatedDevice } from '../../sim/vendors/fleet.ts'
import { startIntune } from '../../sim/vendors/intune.ts'
import { chatBehindGateway, internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import { simulated } from '../helpers/simulation.ts'

const config = join(import.meta.dirname, '../../config')

/** The section of the evaluation settings, with the simulation's own port, and without waiting. */
function complianceSection(url: string): string {
  const text = readFileSync(join(config, 'gatehouse.yaml'), 'utf8').replaceAll(
    /http:\/\/127\.0\.0\.1:9011/g,
    url,
  )
  const { compliance } = parse(text) as { compliance: { vendors: { clientSecret: { file: string } }[] } }
  const vendors = compliance.vendors.map((vendor) => ({
    ...vendor,
    clientSecret: { file: join(config, vendor.clientSecret.file) },
  }))
  return stringify({ compliance: { ...compliance, vendors, interval: '1s', askAgain: '100ms' } })
}

t.test(
  'what `npm start` shows: a phone goes out of compliance in Intune, and its open stream is cut',
  async (t) => {
    const intune = await simulated(t, startIntune, {})
    intune.fleet.add(simulatedDevice(3, Date.now(), { id: '1', user: 'alice', email: 'alice@example.com' }))
    const { gateway, target } = await chatBehindGateway(t, { settings: complianceSection(intune.url) })
    const phone = { 'user-agent': 'iPhone OS 17_5_1' }
    const signedIn = await ask({
      ...target,
      from: wifi,
      method: 'POST',
      path: '/login',
      headers: { ...form, ...phone },
      body: 'username=alice&password=wonderland',
    })
    const headers = { ...phone, cookie: signedIn.cookies.join('; ') }
    const status = async () =>
      (await ask({ ...target, from: internet, path: '/api/messages', headers })).status
    t.equal(await status(), 200)
    const store = await gateway.openStore()
    const posture = async () => (await store.registrations.list({ user: 'alice', limit: 1 }))[0]?.posture
    await eventually(async () => (await posture())?.state === 'compliant')

    const options: RequestOptions = {
      ...target,
      host: '127.0.0.1',
      servername: target.host,
      path: '/api/events',
    }
    const stream = get({ ...options, headers: { ...headers, host: target.host }, agent: false })
    const [response] = await once(stream, 'response')
    t.equal(response.statusCode, 200)
    // A stream that is cut ends with an error, and then closes.
    const ended = new Promise((resolve) => response.on('error', () => {}).once('close', resolve))
    response.resume()
    await fetch(`${intune.controlUrl}/devices/1`, {
      method: 'PATCH',
      body: JSON.stringify({ compliance: 'noncompliant' }),
    })
    await ended
    t.equal(await status(), 403)
    t.match(await posture(), { state: 'noncompliant', vendor: 'intune', match: 'likely' })

    await fetch(`${intune.controlUrl}/devices/1`, { method: 'PATCH', body: '{"compliance":"compliant"}' })
    await eventually(async () => (await status()) === 200)
  },
)
