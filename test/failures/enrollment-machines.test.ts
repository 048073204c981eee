import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import type { Command } from '../../sim/apple/commands.ts'
import { AppleDevice } from '../../sim/apple-device.ts'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import { codeHash, newCode } from '../../src/enrollment/sign-in/code.ts'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/ports.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { EnrollmentBrowser, enrollmentHost, topic } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/own-address.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { type GatehouseProcess, installation, upstream } from '../operations/support.ts'

const day = 24 * 60 * 60 * 1000

/** Each connection goes to the next machine; one that is down is passed over. */
async function roundRobin(t: Test, targets: { readonly port: number; connections: number }[]) {
  let turn = 0
  const server = createServer((client) => {
    const dial = (left: number) => {
      const target = targets[turn++ % targets.length]!
      const behind = connect(target.port, '127.0.0.1')
      behind.once('connect', () => {
        target.connections++
        client.pipe(behind)
        behind.pipe(client)
      })
      behind.once('error', () => (left > 0 && client.bytesWritten === 0 ? dial(left - 1) : client.destroy()))
      client.once('close', () => behind.destroy())
    }
    client.on('error', () => {})
    dial(targets.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Two machines with one PostgreSQL and one folder of CA keys, behind a load balancer. */
async function setUp(t: Test) {
  const [folder, { ca }] = [temporaryFolder(t), await certificates(t)]
  const made = (more: object) => issueCertificate({ notBefore: Date.now() - day, days: 30, ...more } as never)
  const [appleCa, pushCa] = await Promise.all(
    ['Apple iPhone Device CA', 'Push CA'].map((commonName) => made({ commonName, use: 'authority' })),
  )
  const names = { use: 'server', dnsNames: [enrollmentHost], addresses: ['127.0.0.1'] }
  const server = () => made({ commonName: enrollmentHost, issuer: ca, ...names })
  const push = await made({ commonName: 'APSP:5a1e', issuer: pushCa, use: 'client', uid: topic })
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const writeTls = ({ certificate, key }: CertificateAndKey) => {
    file('mdm.key', key)
    file('mdm.crt', certificate)
  }
  writeTls(await server())
  const postgres = await postgresServer(t)
  const database = await postgres.createDatabase()
  const targets = [
    { port: await freePort('127.0.0.1'), connections: 0 },
    { port: await freePort('127.0.0.1'), connections: 0 },
  ]
  const port = await roundRobin(t, targets)
  const settings = (own: number) => `limits: { drainFor: 1s }
apns: { certificate: { file: ${file('push.pem', push.certificate + push.key)} }, server: "https://127.0.0.1:9" }
enrollment:
  listen: "https://127.0.0.1:${own}"
  publicUrl: "https://${enrollmentHost}:${port}"
  organisation: Example Corp
  tls: { cert: ${folder}/mdm.crt, key: ${folder}/mdm.key }
  deviceSignature: { ca: [${file('apple.crt', appleCa!.certificate)}], check: require }
  ca: { folder: ${folder}/ca }`
  const machines: GatehouseProcess[] = []
  for (const target of targets) {
    const one = await installation(t, {
      upstream: await upstream(t, (_, response) => response.end()),
      store: `{ url: "${database}", pool: 5 }`,
      settings: settings(target.port),
    })
    machines.push(await one.start())
  }
  const { host, port: postgresPort, user } = postgres
  const store = await openStore(
    {
      ...{ kind: 'postgres', host, port: postgresPort, user },
      ...{ database: new URL(database).pathname.slice(1), pool: 3 },
      ...{ connectTimeout: 5_000, statementTimeout: 5_000 },
    },
    { now: Date.now },
  )
  t.teardown(() => store.close())
  const builtIn = await made({ commonName: 'built in', issuer: appleCa, use: 'client' })
  const device = new AppleDevice({ ca: ca.certificate, udid: 'UDID-1', serial: 'F2LX0001', builtIn })
  const browser = new EnrollmentBrowser(port, ca.certificate)
  return { machines, targets, store, device, browser, ca: ca.certificate, server, writeTls }
}

async function codeFor(store: Store): Promise<string> {
  const code = newCode()
  const at = Date.now()
  await store.enrollmentCodes.create(
    { id: 'c_1', hash: codeHash(code), user: { name: 'alice', groups: [] }, expiresAt: at + day },
    { name: 'test', why: 'a test', at },
  )
  return code
}

async function queue(store: Store, requestType: string, uuid: string): Promise<void> {
  const payload = writePlist({ RequestType: requestType })
  const by = { name: 'root', why: 'test', at: Date.now() }
  await store.mdmCommands.enqueue({ uuid, enrollment: 'UDID-1', requestType, payload }, by)
}

t.test('a device enrolls, and is managed, with each request at another machine; one may die', async (t) => {
  const { machines, targets, store, device, browser } = await setUp(t)
  await device.install(await browser.profile(await codeFor(store)))
  t.match(await store.enrollments.get('UDID-1'), { state: 'enrolled', user: 'alice' })
  for (const { connections } of targets) t.ok(connections >= 4, `${connections} requests came here`)

  await device.poll()
  device.commands.length = 0
  let busy = true
  device.answer = ({ uuid }: Command) => (busy && uuid === 'C2' ? 'not-now' : undefined)
  for (const n of [1, 2, 3, 4, 5]) await queue(store, n === 2 ? 'SecurityInfo' : 'ProfileList', `C${n}`)
  await device.poll()
  const offered = () => device.commands.map(({ uuid }) => uuid)
  t.strictSame(offered(), ['C1', 'C2', 'C3', 'C4', 'C5'], 'in order, and each once')
  t.equal((await store.mdmCommands.get('C2'))?.state, 'not-now')
  busy = false
  await device.poll()
  t.strictSame(offered().slice(5), ['C2'], 'offered again in the next session, at whichever machine')

  await queue(store, 'DeviceLock', 'C6')
  const before = targets.map(({ connections }) => connections)
  const given = readPlistDict((await device.report({ Status: 'Idle' })).body)
  t.equal(given.CommandUUID, 'C6')
  const served = targets.findIndex(({ connections }, n) => connections > before[n]!)
  await machines[served]!.kill()
  t.equal((await device.report({ Status: 'Acknowledged', CommandUUID: 'C6' })).status, 200)
  t.equal((await store.mdmCommands.get('C6'))?.state, 'acknowledged')
  await queue(store, 'DeviceLock', 'C7')
  await device.poll()
  t.equal(offered().at(-1), 'C7')
})

t.test('a new certificate is taken on SIGHUP by new connections; those that are open go on', async (t) => {
  const { machines, targets, ca, server, writeTls } = await setUp(t)
  const { port } = targets[0]!
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ask = async () => {
    const request = httpsRequest({
      ...{ host: '127.0.0.1', port, servername: enrollmentHost, ca, agent, path: '/ca.crt' },
    })
    request.end()
    const [response] = await once(request, 'response')
    const { socket } = response
    await buffer(response)
    return { status: response.statusCode as number, socket: socket as TLSSocket }
  }
  const shown = async () => {
    const socket = connectTls({ host: '127.0.0.1', port, servername: enrollmentHost, ca })
    await once(socket, 'secureConnect')
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256
    socket.destroy()
    return fingerprint
  }
  const first = await ask()
  const next = await server()
  writeTls(next)
  machines[0]!.child.kill('SIGHUP')
  const wanted = new X509Certificate(next.certificate).fingerprint256
  await eventually(async () => (await shown()) === wanted)
  const again = await ask()
  t.equal(again.status, 200)
  t.equal(again.socket, first.socket, 'on the connection that was open')
  t.not(again.socket.getPeerX509Certificate()?.fingerprint256, wanted)
})
