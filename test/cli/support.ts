import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { inProcess } from '../helpers/in-process.ts'
import { type RunResult, run } from '../helpers/run.ts'

export const command = new URL('../../bin/gatehouse', import.meta.url).pathname

export interface Installation {
  readonly folder: string
  readonly settingsFile: string
  readonly policyFile: string
  readonly recordFile: string
  /** Runs `gatehouse` with these settings to its end. */
  gatehouse(...args: readonly string[]): Promise<RunResult>
  /** The same in this process. */
  here(...args: readonly string[]): Promise<RunResult>
  /** The record, made where needed. */
  openStore(): Promise<Store>
}

export interface Files {
  readonly settings?: string
  readonly policy?: string
}

/** Settings and policy in a folder of their own, and the real command. */
export function installation(
  t: Test,
  { settings = plainSettings, policy = smallPolicy }: Files = {},
): Installation {
  const folder = temporaryFolder(t)
  const settingsFile = join(folder, 'gatehouse.yaml')
  const policyFile = join(folder, 'policy.yaml')
  const recordFile = join(folder, 'record.db')
  writeFileSync(settingsFile, settings)
  writeFileSync(policyFile, policy)
  return {
    folder,
    settingsFile,
    policyFile,
    recordFile,
    gatehouse: (...args) =>
      run(t, [command, ...args], { env: { GATEHOUSE_CONFIG: settingsFile, TZ: 'UTC' } }),
    here: (...args) => inProcess(args, settingsFile),
    async openStore() {
      const store = await openSqliteStore(recordFile, { now: Date.now })
      t.teardown(() => store.close())
      return store
    },
  }
}

export const plainSettings = `gateway:
  listen: ["http://127.0.0.1:0"]
  trustedProxies: [127.0.0.9]
services:
  - name: chat
    hosts: [chat.example.com]
    upstream: ["http://127.0.0.1:9"]
    client: browser
    signIn: none
    public: [/health]
store: sqlite:record.db
management: { listen: "http://127.0.0.1:0" }
log: { level: silent }
policy: policy.yaml
`

export const smallPolicy = `networks: { wifi: [10.20.0.0/16] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
  - { name: Contractors, when: { user: "*@contractor.example" }, then: approve }
access:
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update iOS to 17.5 or later } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
tests:
  - { name: A stranger stays out, given: { registered: false, from: 203.0.113.7 }, expect: refuse }
`

/** The one JSON document that `--json` prints. The test knows what is in it. */
// biome-ignore lint/suspicious/noExplicitAny: each test reads its own members
export function json({ stdout }: RunResult): any {
  return JSON.parse(stdout)
}
