import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { listening, type Running, start } from './processes.ts'

/** Settings and policy of one Gatehouse in a folder of its own. The service is `bench`, on `bench.localhost`. */
export interface InstallationOptions {
  readonly folder: string
  readonly upstreamPort: number
  /** The value of `store`; a file in the folder when undefined. */
  readonly store?: string
  readonly redis?: string
  /** 1 when undefined. */
  readonly processes?: number | 'auto'
  /** Keys of `limits`, beside those that only a load generator meets. */
  readonly limits?: Readonly<Record<string, number | string>>
  readonly policy?: string
  /** The section `compliance`. */
  readonly compliance?: object
}

export interface RunningInstallation {
  readonly running: Running
  readonly port: number
  readonly management: number
  readonly pid: number
  /** Milliseconds from the start of the program to the first connection that it took. */
  readonly startedWithin: number
  /** The sum of a metric's values, whatever their labels. */
  metric(name: string): Promise<number>
}

const defaultPolicy = `networks: { office: [10.20.0.0/16] }
registration:
  - { name: Office, when: { network: office }, then: allow }
access:
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update iOS } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

export async function startInstallation(options: InstallationOptions): Promise<RunningInstallation> {
  const [port, management] = [await freePort(), await freePort()]
  const settings = writeSettings(options, port, management)
  const program = fileURLToPath(new URL('../bin/gatehouse', import.meta.url))
  // Beside the settings the gateway would be woken by each write: it watches that folder for a new policy.
  const log = join(options.folder, 'data', 'access.log')
  const begin = performance.now()
  const running = start('sh', ['-c', `exec "$0" run --config "$1" > "$2" 2>&1`, program, settings, log])
  try {
    await listening(port)
  } catch (error) {
    await running.stop()
    throw new Error(`Gatehouse did not start: ${readFileSync(log, 'utf8').slice(-2000)}`, { cause: error })
  }
  const startedWithin = performance.now() - begin
  const metric = (name: string) => sumOf(name, management)
  return { running, port, management, pid: running.process.pid ?? 0, startedWithin, metric }
}

function writeSettings(options: InstallationOptions, port: number, management: number): string {
  const { folder, upstreamPort, store = 'sqlite:data/record.db', redis, processes = 1, policy } = options
  mkdirSync(join(folder, 'data'), { recursive: true })
  const limits = {
    requestsPerConnection: 1_000_000_000,
    connectionsPerAddress: 100_000,
    // A machine that is busy with the load must not make refusals of it.
    recordTimeout: '10s',
    recordWriteTimeout: '60s',
    ...options.limits,
  }
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(
    file,
    `gateway: { listen: ["http://127.0.0.1:${port}"], processes: ${processes} }
services:
  - { name: bench, hosts: [bench.localhost], upstream: ["http://127.0.0.1:${upstreamPort}"], client: browser, signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302] } } }
store: ${store}
${redis === undefined ? '' : `redis: ${redis}\n`}management: { listen: "http://127.0.0.1:${management}" }
limits: ${JSON.stringify(limits)}
${options.compliance === undefined ? '' : `compliance: ${JSON.stringify(options.compliance)}\n`}policy: policy.yaml
`,
  )
  writeFileSync(join(folder, 'policy.yaml'), policy ?? defaultPolicy)
  return file
}

async function sumOf(name: string, management: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${management}/metrics`)).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
