import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { issueCertificate } from '../../sim/certificates.ts'
import { readJamfWebhook } from '../../src/compliance/connectors/jamf/webhook.ts'
import { startWebhooks, type WebhookOptions, type WebhookOutcome } from '../../src/compliance/webhooks.ts'
import { Secret } from '../../src/settings/secret.ts'
import { createCounters } from '../../src/shared-state/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { certificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { device, office, ScriptedVendor } from './scripted-vendor.ts'

const secret = 'a-secret+of/many=characters'
const basic = `Basic ${Buffer.from(`notify:${secret}`).toString('base64')}`
const completed = (id: number) =>
  JSON.stringify({ webhook: { webhookEvent: 'MobileDeviceCheckIn' }, event: { jssID: id } })

interface Sent {
  readonly path?: string
  readonly method?: string
  readonly authorization?: string
  readonly body?: string
  readonly ca?: string
}

async function listener(t: Test, change: Partial<WebhookOptions> = {}) {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: Date.now })
  const outcomes: [string | undefined, WebhookOutcome][] = []
  const webhooks = await startWebhooks({
    settings: { listen: { scheme: 'http', host: '127.0.0.1', port: 0 }, perMinute: 600 },
    vendors: [
      {
        name: 'jamf',
        webhook: { user: 'notify', secret: new Secret(secret, { env: 'SECRET' }) },
        connector: { readWebhook: readJamfWebhook },
      },
    ],
    links: store.links,
    counters: createCounters({ now: () => performance.now() }),
    now: Date.now,
    onNotification: (vendor, outcome) => outcomes.push([vendor, outcome]),
    ...change,
  })
  t.teardown(async () => {
    await webhooks.close()
    await store.close()
  })
  const send = ({ path = '/notify/jamf', method = 'POST', authorization, body = completed(12), ca }: Sent) =>
    new Promise<number | undefined>((resolve, reject) => {
      const url = new URL(path, webhooks.url)
      const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
      const sent =
        url.protocol === 'https:'
          ? secureRequest(url, { agent: false, method, headers, ca, servername: 'chat.localhost' })
          : request(url, { agent: false, method, headers })
      sent.on('response', (answer) => resolve(answer.resume().statusCode))
      sent.on('error', reject)
      sent.end(method === 'GET' ? undefined : body)
    })
  return { send, store, outcomes, url: webhooks.url }
}

t.test(
  'a notification puts the devices that it names into the record, for whoever asks the vendors',
  async (t) => {
    const { send, store } = await listener(t)
    const before = await store.changes.latest()
    t.equal(await send({ authorization: basic }), 204)
    t.equal(await send({ authorization: basic }), 204, 'named twice, asked for once')
    t.equal(await send({ authorization: `Bearer ${secret}`, body: completed(13) }), 204)
    t.equal(await send({ path: `/notify/jamf/${encodeURIComponent(secret)}`, body: completed(14) }), 204)
    t.match(await store.changes.since(before, 1), [{ kind: 'vendor', subject: 'jamf' }], 'announced')
    t.same(
      new Set(
        (await store.links.takeDevices(10)).map(
          ({ vendor, vendorDeviceId }) => `${vendor} ${vendorDeviceId}`,
        ),
      ),
      new Set(['jamf 12', 'jamf 13', 'jamf 14']),
    )
    t.strictSame(await store.links.takeDevices(10), [], 'taken once')
  },
)

t.test('without the connection’s secret nothing is read, and no name is told', async (t) => {
  const { send, store, outcomes, url } = await listener(t)
  const wrong = Buffer.from('notify:wrong').toString('base64')
  const somebodyElse = Buffer.from(`admin:${secret}`).toString('base64')
  for (const authorization of ['', 'Basic', `Basic ${wrong}`, `Basic ${somebodyElse}`, `Bearer x${secret}`])
    t.equal(await send({ authorization }), 401, authorization)
  t.equal(await send({ path: '/notify/jamf/wrong', authorization: basic }), 401)
  t.equal(await send({ path: '/notify/intune', authorization: basic }), 401)
  t.equal(outcomes.filter(([, outcome]) => outcome === 'unauthenticated').length, 7)
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write('POST /notify/jamf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 401/, 'answered before the body')
  socket.destroy()
  t.strictSame(await store.links.takeDevices(10), [])
})

t.test('what is no notification, too long, or somewhere else is refused', async (t) => {
  const { send, store } = await listener(t)
  const authorization = basic
  t.equal(await send({ authorization, body: '<html>' }), 400)
  t.equal(await send({ authorization, body: '' }), 400)
  t.equal(await send({ authorization, body: 'x'.repeat(1024 * 1024 + 1) }), 413)
  t.equal(await send({ authorization, method: 'GET' }), 404)
  t.equal(await send({ authorization, path: '/healthz' }), 404)
  const computer = JSON.stringify({ webhook: { webhookEvent: 'ComputerCheckIn' }, event: { jssID: 1 } })
  t.equal(await send({ authorization, body: computer }), 400)
  t.strictSame(await store.links.takeDevices(10), [])
})

t.test('more than so many a minute are put off', async (t) => {
  const { send } = await listener(t, {
    settings: { listen: { scheme: 'http', host: '127.0.0.1', port: 0 }, perMinute: 2 },
  })
  for (const status of [204, 204, 429]) t.equal(await send({ authorization: basic }), status)
})

t.test('while the record does not take it, the vendor is asked to try again', async (t) => {
  const requestDevices = async () => {
    throw new Error('the disk is full')
  }
  const { send, outcomes } = await listener(t, { links: { requestDevices } })
  t.equal(await send({ authorization: basic }), 503)
  t.strictSame(outcomes, [['jamf', 'failed']])
})

t.test('with a certificate it speaks TLS', async (t) => {
  const { folder, ca } = await certificates(t)
  const { send } = await listener(t, {
    settings: {
      listen: { scheme: 'https', host: '127.0.0.1', port: 0 },
      tls: { cert: join(folder, 'gateway.crt'), key: join(folder, 'gateway.key') },
      perMinute: 10,
    },
  })
  t.equal(await send({ authorization: basic, ca: ca.certificate }), 204)
  await t.rejects(send({ authorization: basic }), { code: /CERT|SELF_SIGNED|UNABLE/ })
})

t.test('a renewed certificate is taken; a key that does not fit it yet ends nothing', async (t) => {
  const { folder, ca } = await certificates(t)
  const [cert, key] = [join(folder, 'gateway.crt'), join(folder, 'gateway.key')]
  const { send } = await listener(t, {
    settings: {
      listen: { scheme: 'https', host: '127.0.0.1', port: 0 },
      tls: { cert, key },
      perMinute: 10_000,
    },
    certificateEvery: 5,
  })
  const renewed = await issueCertificate({
    commonName: 'renewed',
    use: 'server',
    dnsNames: ['chat.localhost'],
    notBefore: Date.now() - 86_400_000,
    days: 30,
  })
  writeFileSync(key, renewed.key)
  // Looks of meanwhile find the old certificate and the new key.
  for (let n = 0; n < 10; n++) t.equal(await send({ authorization: basic, ca: ca.certificate }), 204)
  writeFileSync(cert, renewed.certificate)
  const isRenewed = () =>
    send({ authorization: basic, ca: renewed.certificate }).then(
      (status) => status === 204,
      () => false,
    )
  t.ok(await eventually(isRenewed))
})

t.test(
  'a device that a notification named is looked up at once, whichever machine received it',
  async (t) => {
    const vendor = new ScriptedVendor([device('1')], { lookup: true })
    const { register, compliance, posture, store } = await office(t, { mdm: vendor }, { now: Date.now })
    await register('r_1')
    const stop = new AbortController()
    const running = compliance.run(stop.signal)
    await eventually(async () => (await posture('r_1'))?.state === 'compliant')
    vendor.change('1', { compliance: 'noncompliant', reasons: ['Jailbroken'] })
    await store.links.requestDevices([{ vendor: 'mdm', vendorDeviceId: '1' }], Date.now())
    await eventually(async () => (await posture('r_1'))?.state === 'noncompliant')
    t.match(await posture('r_1'), { reason: 'Jailbroken' })
    stop.abort()
    await running
  },
)
