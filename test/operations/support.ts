/** What the tests of operations share: the program as a process of its own, that can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, type ClientOptions, form } from '../helpers/http-client.ts'
import { type RunResult, run } from '../helpers/run.ts'

const command = new URL('../../bin/gatehouse', import.meta.url).pathname

export interface InstallationOptions {
  readonly upstream: string
  readonly policy?: string
  /** Further keys under `gateway:`, indented by two. */
  readonly gateway?: string
  /** Further keys of the service, indented by four. */
  readonly service?: string
  /** Default: one TLS and one plain listener. */
  readonly listen?: readonly string[]
  /** Further sections of gatehouse.yaml. */
  readonly settings?: string
  /** The value of `store`, as YAML; a SQLite file in the folder when undefined. */
  readonly store?: string
  /** Of the processes that are started. */
  readonly env?: Readonly<Record<string, string>>
  /** Comes before the command that starts the gateway, and becomes it in the end. */
  readonly within?: readonly string[]
}

export interface Installation {
  readonly folder: string
  readonly settingsFile: string
  readonly policyFile: string
  readonly recordFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly ca: string
  /** Runs a command with these settings to its end. */
  gatehouse(...args: readonly string[]): Promise<RunResult>
  openStore(): Promise<Store>
  /** `gatehouse run` in a process of its own, up and listening. With `logTo`, its log goes to that file. */
  start(logTo?: string): Promise<GatehouseProcess>
}

export interface GatehouseProcess {
  readonly child: ChildProcess
  /** Exit code or signal. */
  readonly exited: Promise<readonly [number | null, NodeJS.Signals | null]>
  readonly tls: number
  readonly plain: number
  /** The log so far. */
  readonly log: readonly Record<string, unknown>[]
  /** Standard error so far. */
  readonly told: readonly string[]
  readonly management: string
  ask(options?: Partial<ClientOptions>): Promise<ClientAnswer>
  signIn(from: string, options?: { readonly user?: string; readonly cookie?: string }): Promise<ClientAnswer>
  ready(): Promise<Readiness>
  /** The value of a metric; with labels as they are printed, such as `{service="chat"}`. */
  metric(name: string): Promise<number | undefined>
  kill(): Promise<void>
}

export interface Readiness {
  readonly status: number
  readonly draining: boolean
  readonly parts: Record<string, { readonly ok: boolean; readonly detail?: string }>
}

/** Settings, policy, record and certificates in a folder of their own. */
export async function installation(t: Test, options: InstallationOptions): Promise<Installation> {
  const folder = temporaryFolder(t)
  const certs = await certificates(t)
  const settingsFile = join(folder, 'gatehouse.yaml')
  const policyFile = join(folder, 'policy.yaml')
  const recordFile = join(folder, 'record.db')
  writeFileSync(policyFile, options.policy ?? evaluationLikePolicy)
  writeFileSync(settingsFile, settingsText(options, certs.folder))
  const env = { GATEHOUSE_CONFIG: settingsFile, TZ: 'UTC' }
  const started = { ...env, ...options.env }
  const ca = certs.ca.certificate
  return {
    ...{ folder, settingsFile, policyFile, recordFile, ca },
    certFile: join(certs.folder, 'gateway.crt'),
    keyFile: join(certs.folder, 'gateway.key'),
    gatehouse: (...args) => run(t, [command, ...args], { env }),
    async openStore() {
      const store = await openSqliteStore(recordFile, { now: Date.now })
      t.teardown(() => store.close())
      return store
    },
    start: (logTo) => startProcess(t, { env: started, within: options.within ?? [], ca, logTo }),
  }
}

function settingsText(options: InstallationOptions, certs: string): string {
  const { upstream, gateway = '', service = '', settings = 'limits: { drainFor: 1s }' } = options
  const listen = options.listen ?? ['https://127.0.0.1:0', 'http://127.0.0.1:0']
  const tls = `  tls: { cert: ${certs}/gateway.crt, key: ${certs}/gateway.key, clientCa: [${certs}/device-ca.crt] }`
  return `gateway:
  listen: ${JSON.stringify(listen)}
${listen.some((url) => url.startsWith('https')) ? tls : ''}
  hosts: [register.localhost]
${/^ {2}processes:/m.test(gateway) ? '' : '  processes: 1\n'}${gateway}
services:
  - name: chat
    hosts: [chat.localhost]
    upstream: ["${upstream}"]
    client: browser
    public: [/healthcheck.htm]
    signIn: { method: POST, path: /login, user: { form: username }, success: { status: [302, 303], setCookie: session } }
${service}
store: ${options.store ?? 'sqlite:record.db'}
management: { listen: "http://127.0.0.1:0" }
policy: policy.yaml
${settings}
`
}

async function startProcess(
  t: Test,
  given: {
    readonly env: Record<string, string>
    readonly within: readonly string[]
    readonly ca: string
    readonly logTo: string | undefined
  },
): Promise<GatehouseProcess> {
  const { ca, logTo } = given
  const output = logTo === undefined ? 'pipe' : openSync(logTo, 'w')
  const env = { ...process.env, ...given.env }
  const [program = command, ...args] = [...given.within, command, 'run']
  const child = spawn(program, args, { env, stdio: ['ignore', output, 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const log: Record<string, unknown>[] = []
  if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => log.push(JSON.parse(line)))
  const told: string[] = []
  // stderr is a pipe in either case, which the types of spawn cannot tell.
  createInterface(child.stderr as Readable).on('line', (line) => told.push(line))
  const announced = (pattern: RegExp) => told.map((line) => pattern.exec(line)?.[1]).find(Boolean)
  const management = await Promise.race([
    eventually(() => announced(/management on (.*)$/)),
    exited.then(() => undefined),
  ])
  if (management === undefined) throw new Error(`did not start: ${told.join('\n')}`)
  const tls = Number(announced(/listening on https:.*:(\d+)$/) ?? 0)
  const plain = Number(announced(/listening on http:.*:(\d+)$/) ?? 0)
  const target = tls === 0 ? { port: plain } : { port: tls, ca }
  const send = (options: Partial<ClientOptions> = {}) =>
    ask({ host: 'chat.localhost', ...target, ...options })
  return {
    ...{ child, exited, tls, plain, log, told, management },
    ask: send,
    signIn: (from, { user, cookie } = {}) => send({ from, ...signInRequest(user, cookie) }),
    ready: () => readiness(management),
    metric: (name) => readMetric(management, name),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** The sign-in of a user of the sample chat. */
export function signInRequest(user = 'alice', cookie?: string) {
  const passwords: Record<string, string> = { alice: 'wonderland', bob: 'builder', carol: 'contractor' }
  return {
    method: 'POST',
    path: '/login',
    headers: { ...form, ...(cookie !== undefined && { cookie }) },
    body: `username=${user}&password=${passwords[user]}`,
  }
}

export async function readiness(management: string): Promise<Readiness> {
  const response = await fetch(`${management}/readyz`)
  return { status: response.status, ...((await response.json()) as Omit<Readiness, 'status'>) }
}

export async function readMetric(management: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${management}/metrics`)).text()
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

/** An upstream whose answers are the test's own. */
export async function upstream(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What the upstream says to a right password. */
export const acceptance = { location: '/', 'set-cookie': 'session=s3ss10n-0f-alice; Path=/; HttpOnly' }

/** Everything that has been written to the files of a folder, the record's included. */
export function everyByteIn(folder: string): string {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n')
}
