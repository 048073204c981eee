import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import { addOwn, CertificateService } from '../../src/enrollment/ca/certificate-service.ts'
import { certificateOf } from '../../src/enrollment/ca/issue.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { chatBehindGateway, internet } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import { rsaKey } from '../helpers/scep.ts'

const policy = `
registration:
  - { name: Device certificate, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`
const topic = 'com.apple.mgmt.External.5a1e'
const day = 24 * 60 * 60 * 1000

/** A gateway that enrolls devices, and a device that got its certificate. */
async function setUp(t: Test) {
  const folder = temporaryFolder(t)
  const { ca } = await certificates(t)
  const push = await issueCertificate({
    commonName: 'push',
    issuer: ca,
    use: 'client',
    uid: topic,
    notBefore: Date.now() - day,
    days: 30,
  })
  writeFileSync(join(folder, 'push.pem'), push.certificate + push.key, { mode: 0o600 })
  const settings = `limits: { drainFor: 1s }
enrollment: { listen: "http://127.0.0.1:0", publicUrl: https://mdm.example.com, organisation: Example Corp, signIn: { codes: true }, ca: { folder: ${folder}/ca } }
apns: { certificate: { file: ${folder}/push.pem } }`
  const { gateway, service: chat } = await chatBehindGateway(t, { policy, settings })
  const store = await gateway.openStore()
  const loaded = loadSettings(gateway.settingsFile, {}).settings?.enrollment
  if (loaded === undefined) throw new Error('no enrollment')
  const options = {
    store,
    settings: loaded.ca,
    organisation: 'Example Corp',
    publicUrl: loaded.publicUrl,
    now: Date.now,
    newId: () => systemRandom().id(),
  }
  const service = await CertificateService.open(options)
  const issue = async (enrollment: string, predecessor?: string) => {
    const key = rsaKey()
    const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
    const outcome = await service.issue({
      ...{ publicKeyInfo, purpose: 'device', enrollment, user: 'alice' },
      ...(predecessor !== undefined && { predecessor }),
    })
    if (outcome.outcome !== 'issued') throw new Error(outcome.outcome)
    const cert = certificateOf(outcome.certificate).toString()
    return {
      serial: outcome.certificate.serial,
      cert,
      key: String(key.export({ type: 'pkcs8', format: 'pem' })),
    }
  }
  type Shown = Awaited<ReturnType<typeof issue>>
  const target = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet }
  const call = ({ cert, key }: Shown, headers: Record<string, string> = {}) =>
    ask({ ...target, path: '/api/messages', cert, key, headers })
  const signIn = async (shown: Shown) => {
    const body = 'username=alice&password=wonderland'
    const { cert, key } = shown
    const answer = await ask({ ...target, path: '/login', method: 'POST', headers: form, body, cert, key })
    if (answer.status !== 302) throw new Error(`${answer.status} ${answer.body}`)
    return answer.cookies.join('; ')
  }
  const revoke = (serial: string) =>
    store.certificates.revoke(serial, 'keyCompromise', { name: 'root', why: 'lost', at: Date.now() })
  return { gateway, chat, store, service, options, issue, call, signIn, revoke }
}

function openWebSocket(
  port: number,
  ca: string,
  shown: { cert: string; key: string },
  cookie: string,
): WebSocket {
  // `servername` is node:tls's; the types of ws do not know that it is passed on.
  const options = {
    ca,
    cert: shown.cert,
    key: shown.key,
    localAddress: internet,
    servername: 'chat.localhost',
    headers: { cookie, host: `chat.localhost:${port}` },
  }
  return new WebSocket(`wss://127.0.0.1:${port}/ws`, options)
}

t.test('an enrolled device gets in with its certificate, though no file names the CA', async (t) => {
  const { issue, signIn, call } = await setUp(t)
  const device = await issue('UDID-1')
  const cookie = await signIn(device)
  t.equal((await call(device, { cookie })).status, 200)
})

t.test(
  'a revoked certificate is refused at once, also on connections that are open; others are not touched',
  async (t) => {
    const { gateway, issue, signIn, call, revoke } = await setUp(t)
    const [lost, kept] = [await issue('UDID-1'), await issue('UDID-2')]
    const [ofLost, ofKept] = [await signIn(lost), await signIn(kept)]
    const sockets = [
      openWebSocket(gateway.tls, gateway.ca, lost, ofLost),
      openWebSocket(gateway.tls, gateway.ca, kept, ofKept),
    ] as const
    for (const socket of sockets) socket.on('error', () => {})
    await Promise.all(sockets.map((socket) => once(socket, 'open')))
    const closed = once(sockets[0], 'close')
    await revoke(lost.serial)
    await closed
    t.equal(sockets[1].readyState, WebSocket.OPEN)
    sockets[1].terminate()
    const refused = await call(lost, { cookie: ofLost })
    t.equal(refused.status, 403)
    t.match(refused.body, 'certificate.revoked')
    t.equal((await call(kept, { cookie: ofKept })).status, 200)
  },
)

t.test('what is open with a renewal of a revoked certificate ends as well', async (t) => {
  const { gateway, store, issue, signIn, call } = await setUp(t)
  const first = await issue('UDID-1')
  const renewal = await issue('UDID-1', first.serial)
  const cookie = await signIn(renewal)
  const socket = openWebSocket(gateway.tls, gateway.ca, renewal, cookie)
  socket.on('error', () => {})
  await once(socket, 'open')
  const closed = once(socket, 'close')
  await store.certificates.revokeLine(first.serial, 'keyCompromise', {
    ...{ name: 'root', why: 'lost', at: Date.now() },
  })
  await closed
  t.match((await call(renewal, { cookie })).body, 'certificate.revoked')
})

t.test(
  'after a rotation the new CA’s certificates count without a restart, and the old one’s still do',
  async (t) => {
    const { service, options, issue, signIn, call } = await setUp(t)
    const before = await issue('UDID-1')
    const cookie = await signIn(before)
    await addOwn(options, {
      bits: 2048,
      replaces: service.issuing.id,
      by: { name: 'root', why: 'yearly', at: Date.now() },
    })
    await service.refresh()
    const after = await issue('UDID-2')
    await eventually(
      async () =>
        (await call(after)).status !== 403 || !(await call(after)).body.includes('certificate-invalid'),
    )
    t.ok(await signIn(after))
    t.equal((await call(before, { cookie })).status, 200)
  },
)

t.test('an enterprise CA in its place counts for what it issues, and its root for nothing', async (t) => {
  const { service, store, call } = await setUp(t)
  const ca = (commonName: string, issuer?: CertificateAndKey) =>
    issueCertificate({
      ...{ commonName, use: 'authority', notBefore: Date.now() - day, days: 30 },
      ...(issuer && { issuer }),
    })
  const root = await ca('Enterprise Root')
  const [issuing, another] = [await ca('Enterprise Devices', root), await ca('Enterprise Other', root)]
  const client = async (issuer: CertificateAndKey) => {
    const made = await issueCertificate({
      ...{ commonName: 'client', issuer, use: 'client', notBefore: Date.now() - day, days: 30 },
    })
    return { serial: '', cert: made.certificate + issuer.certificate, key: made.key }
  }
  const [device, other, ofRoot] = [await client(issuing), await client(another), await client(root)]
  const at = Date.now()
  await store.authorities.add(
    {
      ...{ id: 'ca_enterprise', kind: 'external', certificate: issuing.certificate },
      ...{ chain: root.certificate, createdAt: at },
    },
    service.issuing.id,
    { name: 'root', why: 'a CA of our own', at },
  )
  const isBelieved = async (shown: typeof device) => !(await call(shown)).body.includes('certificate-invalid')
  await eventually(() => isBelieved(device))
  t.notOk(await isBelieved(other), 'of another CA under the same root')
  t.notOk(await isBelieved(ofRoot), 'of the root itself')
})
