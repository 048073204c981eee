import { createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { issueCertificate } from '../../../sim/certificates.ts'
import { certificateOf } from '../../../src/enrollment/ca/issue.ts'
import { createMdm } from '../../../src/enrollment/mdm/handle.ts'
import { identitiesOf } from '../../../src/enrollment/mdm/identities.ts'
import type { MdmNote } from '../../../src/enrollment/mdm/mdm.ts'
import { mdmMount } from '../../../src/enrollment/mdm/mount.ts'
import { type EnrollmentListener, startListener } from '../../../src/enrollment/web/listener.ts'
import type { Visit } from '../../../src/enrollment/web/visit.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { certificates } from '../../helpers/certificates.ts'
import { defaultLimits } from '../../helpers/limits.ts'
import { day, rsaKey, scepServer } from '../../helpers/scep.ts'
import { enqueue, token, topic } from './support.ts'

interface Identity {
  readonly serial: string
  readonly cert: string
  readonly key: string
}

/** The protocol behind a real TLS listener that asks for certificates, and behind one without TLS, as a proxy would reach it. */
async function setUp(t: Test) {
  const { store, service, clock } = await scepServer(t)
  const { ca, gateway } = await certificates(t)
  const notes: MdmNote[] = []
  const handle = createMdm({
    record: store,
    identities: identitiesOf(store),
    topic: () => topic,
    sha1: false,
  })
  const mount = mdmMount(handle, (_visit, note) => notes.push(note))
  const clientCa = service.authorities.map(({ certificate }) => certificate.toString())
  const listen = (scheme: 'http' | 'https'): Promise<EnrollmentListener> =>
    startListener({
      settings: { listen: { scheme, host: '127.0.0.1', port: 0 }, trustedProxies: ['127.0.0.1'] },
      limits: defaultLimits,
      tls: scheme === 'https' ? { cert: gateway.certificate, key: gateway.key, clientCa } : undefined,
      random: systemRandom(),
      now: () => clock.now,
      answer: async (visit: Visit) => (await mount(visit)) ?? { status: 404, headers: [], body: '' },
      onAnswered() {},
      onRefused() {},
      onTurnedAway() {},
    })
  const [tls, behindProxy] = [await listen('https'), await listen('http')]
  t.teardown(() => Promise.all([tls.close(), behindProxy.close()]))
  const identity = async (enrollment: string): Promise<Identity> => {
    const key = rsaKey()
    const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
    const issued = await service.issue({ publicKeyInfo, purpose: 'device', enrollment, user: 'ann' })
    if (issued.outcome !== 'issued') throw new Error(issued.outcome)
    const cert = certificateOf(issued.certificate).toString()
    const { serial } = issued.certificate
    return { serial, cert, key: String(key.export({ type: 'pkcs8', format: 'pem' })) }
  }
  const send = async (message: PlistDict, shown?: Pick<Identity, 'cert' | 'key'>, agent?: Agent) => {
    const sent = httpsRequest(`${tls.url}/mdm/${'MessageType' in message ? 'check-in' : 'command'}`, {
      ...{ method: 'PUT', ca: ca.certificate, servername: 'chat.localhost', agent: agent ?? false },
      ...(shown && { cert: shown.cert, key: shown.key }),
    })
    return answerTo(sent, message)
  }
  const enroll = async (udid: string) => {
    const shown = await identity(udid)
    const about = { UDID: udid, Topic: topic, OSVersion: '16.0', ProductName: 'iPhone12,1' }
    const begun = await send({ MessageType: 'Authenticate', ...about }, shown)
    const done = await send({ MessageType: 'TokenUpdate', UDID: udid, ...token() }, shown)
    t.strictSame([begun, done], [200, 200])
    return shown
  }
  const problem = () => notes.at(-1)?.problem
  return { store, clock, identity, send, enroll, problem, notes, behindProxy }
}

async function answerTo(sent: ReturnType<typeof httpRequest>, message: PlistDict): Promise<number> {
  sent.end(writePlist(message))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  await buffer(response)
  return response.statusCode ?? 0
}

const idle = (udid: string) => ({ Status: 'Idle', UDID: udid })

t.test('a device that does not sign is known by the certificate of its connection', async (t) => {
  const { store, enroll, send, notes } = await setUp(t)
  const shown = await enroll('U1')
  await enqueue(store, 'U1', { RequestType: 'DeviceLock' }, 'C1')
  t.equal(await send(idle('U1'), shown), 200)
  t.match(notes.at(-1), { outcome: 'command', command: 'C1' })
})

t.test(
  'without a certificate, or with one of another enrollment or another CA, nothing is said',
  async (t) => {
    const { store, clock, enroll, identity, send, problem } = await setUp(t)
    await enroll('U1')
    const other = await enroll('U2')
    await enqueue(store, 'U1', { RequestType: 'DeviceLock' }, 'C1')
    t.strictSame([await send(idle('U1')), problem()], [400, 'identity.missing'])
    t.strictSame([await send(idle('U1'), other), problem()], [403, 'certificate.not-pinned'])
    t.strictSame([await send(idle('U1'), await identity('U1')), problem()], [403, 'certificate.not-pinned'])
    const stranger = await issueCertificate({
      ...{ commonName: 'U1', use: 'client', notBefore: clock.now - day, days: 30 },
    })
    const shown = { cert: stranger.certificate, key: stranger.key }
    t.strictSame([await send(idle('U1'), shown), problem()], [403, 'certificate.foreign'])
    t.equal((await store.mdmCommands.get('C1'))?.state, 'queued')
  },
)

t.test('an expired certificate begins nothing, and is given nothing but its renewal', async (t) => {
  const { store, clock, enroll, identity, send, problem, notes } = await setUp(t)
  const [shown, unused] = [await enroll('U1'), await identity('U2')]
  await enqueue(store, 'U1', { RequestType: 'DeviceLock' }, 'C1')
  clock.now += 366 * day
  const about = { MessageType: 'Authenticate', UDID: 'U2', Topic: topic }
  t.strictSame([await send(about, unused), problem()], [403, 'certificate.expired'])
  t.equal(await send(idle('U1'), shown), 200)
  t.match(notes.at(-1), { outcome: 'idle' })
  t.equal((await store.mdmCommands.get('C1'))?.state, 'queued')
})

t.test('a certificate that was revoked counts no more on a connection that is open', async (t) => {
  const { store, clock, enroll, send, notes } = await setUp(t)
  const shown = await enroll('U1')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal(await send(idle('U1'), shown, agent), 200)
  await enqueue(store, 'U1', { RequestType: 'DeviceLock' }, 'C1')
  const by = { name: 'root', why: 'lost', at: clock.now }
  await store.certificates.revoke(shown.serial, 'keyCompromise', by)
  t.not(await send(idle('U1'), shown, agent), 200)
  t.match(notes.at(-1), { problem: 'certificate.revoked' })
  t.not((await store.mdmCommands.get('C1'))?.state, 'sent')
})

t.test(
  'behind a proxy that ends TLS only signatures count: no header stands for a certificate',
  async (t) => {
    const { enroll, behindProxy, problem } = await setUp(t)
    const { cert } = await enroll('U1')
    const der = new X509Certificate(cert).raw.toString('base64')
    for (const [name, value] of [
      ['Client-Cert', `:${der}:`],
      ['X-Client-Cert', der],
      ['X-SSL-Client-Cert', encodeURIComponent(cert)],
      ['X-Forwarded-Client-Cert', `Cert="${encodeURIComponent(cert)}"`],
    ] as const) {
      const sent = httpRequest(`${behindProxy.url}/mdm/command`, {
        method: 'PUT',
        headers: { [name]: value },
      })
      t.strictSame([await answerTo(sent, idle('U1')), problem()], [400, 'identity.missing'], name)
    }
  },
)
