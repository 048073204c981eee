/**
 * Two machines behind a load balancer, sharing a record and a cache: the set-up of deploy/compose.yaml with its own
 * haproxy.cfg, but for the addresses.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startCollaboration } from '../../sim/collaboration.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, type ClientOptions } from '../helpers/http-client.ts'
import { openStream } from '../helpers/open-stream.ts'
import { freePort, ownAddress } from '../helpers/own-address.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { startRedis } from '../helpers/redis.ts'
import {
  type GatehouseProcess,
  type Installation,
  installation,
  signInRequest,
} from '../operations/support.ts'
import { readDeploy } from './support.ts'

interface Machine {
  readonly here: Installation
  readonly process: GatehouseProcess
}

t.test('two machines behind the balancer are one gateway', async (t) => {
  const { machines, send, ca } = await setUp(t)
  const signIn = await send({ from: wifi, ...signInRequest() })
  t.equal(signIn.status, 302)
  const cookie = signIn.cookies.join('; ')
  await t.test('a device that registered on one gets in on both, from anywhere', async (t) => {
    await eventually(async () => {
      const { status } = await send({ from: internet, path: '/api/messages', headers: { cookie } })
      t.equal(status, 200)
      return machines.every(({ process }) =>
        served(process, (line) => line.source === internet && line.status === 200),
      )
    })
    t.equal((await send({ from: internet, path: '/api/messages' })).status, 403, 'a stranger does not')
  })

  await t.test('a block on one machine ends the device’s open streams on both', async (t) => {
    const streams = await Promise.all(
      Array.from({ length: 6 }, () =>
        openStream(t, { ca, port: signIn.port, path: '/api/events', from: internet, cookie }),
      ),
    )
    for (const { process } of machines)
      t.ok((await process.metric('gatehouse_open_exchanges')) ?? 0, 'each machine carries some of them')
    const { here } = machines[0] as Machine
    const { devices } = JSON.parse((await here.gatehouse('device', 'list', '--json')).stdout)
    const id: string = devices[0].registration.id
    await here.gatehouse('device', 'block', id, '--why', 'lost')
    await Promise.all(streams.map((stream) => stream.ended))
    for (let count = 0; count < 4; count++)
      t.equal((await send({ from: internet, path: '/api/messages', headers: { cookie } })).status, 403)
    await here.gatehouse('device', 'unblock', id, '--why', 'found')
  })

  await t.test('a machine that is told to stop is taken out first: no request fails', async (t) => {
    const [leaving, staying] = machines as [Machine, Machine]
    let stopped = false
    const asking = (async () => {
      const statuses: number[] = []
      while (!stopped)
        statuses.push((await send({ from: internet, path: '/api/messages', headers: { cookie } })).status)
      return statuses
    })()
    leaving.process.child.kill('SIGTERM')
    await leaving.process.exited
    stopped = true
    const statuses = await asking
    t.ok(statuses.length > 0)
    t.strictSame([...new Set(statuses)], [200])
    t.equal((await staying.process.ready()).status, 200)
  })
})

function served(process: GatehouseProcess, is: (line: Record<string, unknown>) => boolean): boolean {
  return process.log.some((line) => line.msg === 'exchange' && is(line))
}

async function setUp(t: Test) {
  const [chat, postgres, redis] = await Promise.all([
    startCollaboration({ port: 0, host: '127.0.0.1' }),
    postgresServer(t),
    startRedis(t),
  ])
  t.teardown(() => chat.close())
  const store = await postgres.createDatabase()
  const machines = await Promise.all(
    [1, 2].map(() => startMachine(t, { upstream: chat.url, store, redis: redis.url })),
  )
  const port = await startBalancer(t, machines)
  const ca = (machines[0] as Machine).here.ca
  const send = async (options: Partial<ClientOptions>) => ({
    port,
    ...(await ask({ host: 'chat.localhost', port, ca, ...options })),
  })
  return { machines, send, ca }
}

async function startMachine(
  t: Test,
  { upstream, store, redis }: { readonly upstream: string; readonly store: string; readonly redis: string },
): Promise<Machine> {
  const here = await installation(t, {
    upstream,
    store,
    listen: ['https://127.0.0.1:0'],
    gateway: '  proxyProtocol: true\n  trustedProxies: [127.0.0.1]\n',
    settings: `redis: ${redis}\nlimits: { stopDelay: 12s, drainFor: 5s }`,
    policy: strangersAreRefused,
  })
  return { here, process: await here.start() }
}

const strangersAreRefused = `
networks: { certificate-wifi: [127.20.0.0/16] }
registration:
  - { name: Certificate Wi-Fi, when: { network: certificate-wifi }, then: allow }
access:
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

/** @returns the port on 127.0.0.1 */
async function startBalancer(t: Test, machines: readonly Machine[]): Promise<number> {
  const port = await freePort('127.0.0.1')
  const admin = { host: ownAddress(), port: 0 }
  admin.port = await freePort(admin.host)
  const file = join(temporaryFolder(t), 'haproxy.cfg')
  writeFileSync(file, configuration({ port, admin, machines }))
  const child = spawn('haproxy', ['-db', '-f', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  t.teardown(() => stop(child))
  await eventually(() => upMachines(admin, machines.length))
  return port
}

/** The file as it is delivered, with the addresses of this test. */
function configuration({
  port,
  admin,
  machines,
}: {
  readonly port: number
  readonly admin: { readonly host: string; readonly port: number }
  readonly machines: readonly Machine[]
}): string {
  const replaced = readDeploy('compose/haproxy.cfg')
    .replace('maxconn 20000', 'maxconn 500')
    .replace('bind :8443', `bind 127.0.0.1:${port}`)
    .replace(/resolvers docker\n {2}parse-resolv-conf\n/, '')
    .replace(' port 8444 resolvers docker init-addr last,libc,none', '')
    .replace(/^ {2}server .*\n/gm, '')
  const servers = machines.map(
    ({ process }, index) =>
      `  server gateway-${index + 1} 127.0.0.1:${process.tls} port ${new URL(process.management).port}\n`,
  )
  return `${replaced}${servers.join('')}
frontend admin
  mode http
  bind ${admin.host}:${admin.port}
  http-request return status 200 content-type text/plain lf-string "%[nbsrv(gatehouse)]"
`
}

async function upMachines(
  admin: { readonly host: string; readonly port: number },
  wanted: number,
): Promise<boolean> {
  const answer = await fetch(`http://${admin.host}:${admin.port}/`).catch(() => undefined)
  return Number(await answer?.text()) === wanted
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
}
