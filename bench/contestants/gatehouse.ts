import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clientKey } from '../../src/clients/client-key.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { freePort } from '../free-port.ts'
import { listening, start } from '../processes.ts'
import type { Contestant, Course, Started } from './contestant.ts'

const secret = 'b'.repeat(43)

/** Beside proxies of one process. */
export const gatehouse: Contestant = contestant('Gatehouse', '1')
/** As it runs by itself: a process for each core, with a supervisor that accepts for them. */
export const gatehouseOnAllCores: Contestant = contestant('Gatehouse, all cores', 'auto')

/** Everything on: identify by cookie, read the state, decide, tell the upstream who it is, write the access log. */
function contestant(name: string, processes: string): Contestant {
  return { name, absent: () => undefined, start: (course) => startGatehouse(course, processes) }
}

async function startGatehouse(course: Course, processes: string): Promise<Started> {
  const port = await freePort()
  const settings = await prepare(course, { port, processes })
  const program = fileURLToPath(new URL('../../bin/gatehouse', import.meta.url))
  // Beside the settings the gateway would be woken by each write: it watches that folder for a new policy.
  const log = join(course.folder, 'data', 'access.log')
  const running = start('sh', ['-c', `exec "$0" run --config "$1" > "$2"`, program, settings, log])
  await listening(port)
  return { running, port, headers: `Cookie: gatehouse-device=${secret}; session=1234567890\r\n` }
}

async function prepare(
  { folder, upstreamPort }: Course,
  { port, processes }: { readonly port: number; readonly processes: string },
): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const settings = join(folder, 'gatehouse.yaml')
  writeFileSync(
    settings,
    `gateway: { listen: ["http://127.0.0.1:${port}"], processes: ${processes} }
services:
  - { name: bench, hosts: [bench.localhost], upstream: ["http://127.0.0.1:${upstreamPort}"], client: browser, signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302] } } }
store: sqlite:data/record.db
management: { listen: "http://127.0.0.1:0" }
limits: { requestsPerConnection: 1000000000 }
policy: policy.yaml
`,
  )
  writeFileSync(
    join(folder, 'policy.yaml'),
    `networks: { office: [10.20.0.0/16] }
registration:
  - { name: Office, when: { network: office }, then: allow }
access:
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update iOS } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`,
  )
  await registerDevice(join(folder, 'data', 'record.db'))
  return settings
}

async function registerDevice(path: string): Promise<void> {
  const store = await openSqliteStore(path, { now: Date.now })
  await store.registrations.register(
    {
      id: 'r_bench',
      service: 'bench',
      user: 'alice',
      binding: 'cookie',
      device: {},
      evidence: ['network'],
      networks: ['office'],
      rule: 'Office',
      source: '10.20.0.5',
      registeredAt: Date.now(),
    },
    [clientKey('bench', 'cookie', secret)],
    10,
  )
  await store.close()
}
