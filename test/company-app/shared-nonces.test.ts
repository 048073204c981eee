import { join } from 'node:path'
import t from 'tap'
import { launcherOn, readRegistered } from '../../sim/launcher.ts'
import { startGatehouse } from '../../src/main.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp } from '../helpers/company-app.ts'
import { ask } from '../helpers/http-client.ts'
import { startRedis } from '../helpers/redis.ts'

t.test('two gateways share the nonces that were seen; without their store nobody registers', async (t) => {
  const redis = await startRedis(t)
  const app = companyApp(t)
  const settings = `${app.section}\nredis: "${redis.url}"`
  const { gateway } = await chatBehindGateway(t, { settings, policy: appPolicy })
  // A second one on the same settings and record, as on another machine.
  const { settings: same } = loadSettings(gateway.settingsFile, {})
  if (same === undefined) throw new Error('the settings were good for the first one')
  const second = await startGatehouse(same, { env: {}, logTo: join(gateway.folder, 'log-of-the-second') })
  t.teardown(() => second.close())
  const port = Number(new URL(second.listeners[0] ?? '').port)
  // Behind a balancer both have one address: the same request fits both.
  const phone = launcherOn({ gateway: 'https://register.localhost', packageKey: app.packageKey })
  const url = new URL('/.gatehouse/app/register', 'https://register.localhost')
  const body = phone.contact()
  const headers = {
    'content-type': 'application/json',
    host: 'register.localhost',
    ...phone.signContact(url, body),
  }
  const send = (port: number) =>
    ask({
      port,
      host: 'register.localhost',
      ca: gateway.ca,
      method: 'POST',
      path: url.pathname,
      headers,
      body,
    })
  const answers = await Promise.all([send(gateway.tls), send(port)])
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 403])
  const taken = answers.find(({ status }) => status === 200)
  t.ok(readRegistered({ status: 200, headers: {}, body: taken?.body ?? '' }).device)
  t.match(answers.find(({ status }) => status === 403)?.body, '"reason":"app.replayed"')

  await redis.kill()
  Object.assign(headers, phone.signContact(url, body))
  const without = await send(gateway.tls)
  t.match([without.status, without.body], [503, /"reason":"app.nonces-unavailable"/])
  t.ok(without.headers['retry-after'])
})
