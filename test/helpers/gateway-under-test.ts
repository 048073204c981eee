import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type RunningGatehouse, startGatehouse } from '../../src/main.ts'
import { loadSettings } from '../../src/settings/load.ts'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { certificates, temporaryFolder } from './certificates.ts'
import { eventually } from './eventually.ts'

export interface GatewayOptions {
  /** Lines of YAML: the list under `services:`. */
  readonly services: string
  readonly policy?: string
  /** Further sections of gatehouse.yaml, as YAML. */
  readonly settings?: string
  /** Further keys under `gateway:`, indented by two. */
  readonly gateway?: string
  /** Further members of the flow mapping `gateway.tls`, such as `crl: [FILE]`. */
  readonly tls?: string
  /** Default: one TLS and one plain listener. */
  readonly listen?: readonly string[]
  readonly now?: () => number
  readonly monotonic?: () => number
}

export interface GatewayUnderTest {
  readonly running: RunningGatehouse
  /** Ports of the listeners, in the order of `listen`: TLS, plain. */
  readonly ports: readonly number[]
  readonly tls: number
  readonly plain: number
  /** PEM of the CA that signed the gateway's certificate. */
  readonly ca: string
  readonly folder: string
  readonly settingsFile: string
  readonly policyFile: string
  /** Of the TLS listener. */
  readonly certificateFiles: { readonly cert: string; readonly key: string }
  /** A second view of the record, as the command line would open it. */
  openStore(): Promise<Store>
  /** The log so far, a value a line. */
  log(): readonly Record<string, unknown>[]
  /** The access line of this request, once it is written. */
  accessLine(id: string): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

/** The whole product in this process, on free ports, with a record, settings and certificates of its own. */
export async function gatewayUnderTest(t: Test, options: GatewayOptions): Promise<GatewayUnderTest> {
  const folder = temporaryFolder(t)
  const certs = await certificates(t)
  const listen = options.listen ?? ['https://127.0.0.1:0', 'http://127.0.0.1:0']
  const settingsFile = join(folder, 'gatehouse.yaml')
  const policyFile = join(folder, 'policy.yaml')
  writeFileSync(policyFile, options.policy ?? evaluationLikePolicy)
  writeFileSync(settingsFile, settingsText(options, listen, certs.folder))
  const { settings, problems } = loadSettings(settingsFile, {})
  if (settings === undefined) throw new Error(`settings of the test: ${JSON.stringify(problems, null, 2)}`)
  const logFile = join(folder, 'log')
  const running = await startGatehouse(settings, {
    env: {},
    logTo: logFile,
    ...(options.now && { now: options.now }),
    ...(options.monotonic && { monotonic: options.monotonic }),
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= running.close()
    return stopped
  }
  t.teardown(stop)
  const ports = running.listeners.map((url) => Number(new URL(url).port))
  const log = () => readLog(logFile)
  return {
    running,
    ports,
    tls: ports[listen.findIndex((url) => url.startsWith('https'))] ?? 0,
    plain: ports[listen.findIndex((url) => url.startsWith('http:'))] ?? 0,
    ca: certs.ca.certificate,
    folder,
    settingsFile,
    policyFile,
    certificateFiles: { cert: join(certs.folder, 'gateway.crt'), key: join(certs.folder, 'gateway.key') },
    log,
    stop,
    async openStore() {
      const store = await openSqliteStore(join(folder, 'record.db'), { now: Date.now })
      t.teardown(() => store.close())
      return store
    },
    accessLine: (id) => eventually(() => log().find((line) => line.id === id && line.msg === 'exchange')),
  }
}

/** Certificate Wi-Fi 127.20.0.0/16, VPN 127.30.0.0/16; everybody else is sent to the VPN. */
export const evaluationLikePolicy = `
networks: { certificate-wifi: [127.20.0.0/16], vpn: [127.30.0.0/16] }
registration:
  - { name: Certificate Wi-Fi, when: { network: certificate-wifi }, then: allow }
  - { name: VPN, when: { network: vpn }, then: allow }
  - { name: Everyone else, then: { redirect: "https://register.localhost" }, help: Connect to the VPN first. }
access:
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

function settingsText(options: GatewayOptions, listen: readonly string[], certs: string): string {
  return `gateway:
  listen: ${JSON.stringify(listen)}
  tls: { cert: ${certs}/gateway.crt, key: ${certs}/gateway.key, clientCa: [${certs}/device-ca.crt]${options.tls === undefined ? '' : `, ${options.tls}`} }
${/^ {2}hosts:/m.test(options.gateway ?? '') ? '' : '  hosts: [register.localhost]\n'}${options.gateway ?? ''}
services:
${options.services}
store: sqlite:record.db
management: { listen: "http://127.0.0.1:0" }
policy: policy.yaml
${options.settings ?? 'limits: { drainFor: 1s }'}
`
}

function readLog(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
