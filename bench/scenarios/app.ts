import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launcherOn } from '../../sim/launcher.ts'
import type { Launcher } from '../../src/cli/app/launcher.ts'
import { freePort } from '../free-port.ts'
import { cpuSeconds, listening, start } from '../processes.ts'
import type { Scenario } from './scenario.ts'

/**
 * First contacts of the company app, each of another device with another key: signature, nonce, checks, and a write of the record
 * that is on the disk before the answer (as a registration is).
 */
export const app: Scenario = {
  name: 'app',
  summary: 'signed registrations of the company app',
  options: {
    appSeconds: { default: 5, description: 'seconds of load' },
    appDevices: { default: 500, description: 'devices that take turns' },
    appConnections: { default: 32, description: 'connections' },
  },
  async run({ appSeconds = 5, appDevices = 500, appConnections = 32 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-app-'))
    const port = await freePort()
    const secret = randomBytes(32).toString('base64')
    const gateway = start(fileURLToPath(new URL('../../bin/gatehouse', import.meta.url)), [
      'run',
      '--config',
      prepare(folder, port, secret),
    ])
    gateway.process.stdout?.resume()
    try {
      await listening(port)
      const phones = phonesFor(port, secret, appDevices)
      await apply(phones, { port, seconds: 1, connections: appConnections })
      const pid = gateway.process.pid ?? 0
      const before = cpuSeconds(pid)
      const done = await apply(phones, { port, seconds: appSeconds, connections: appConnections })
      const cpu = cpuSeconds(pid) - before
      console.table([
        {
          'registrations/CPU-second': Math.round(done.taken / cpu),
          'registrations/s': Math.round(done.taken / appSeconds),
          refused: done.refused,
        },
      ])
    } finally {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function prepare(folder: string, port: number, secret: string): string {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.key'), secret, { mode: 0o600 })
  const policy =
    'registration: [{ name: App, when: { evidence: app }, then: allow }]\naccess: [{ name: All, then: allow }]\n'
  writeFileSync(join(folder, 'policy.yaml'), policy.replace('name: All', 'name: Everything'))
  const settings = join(folder, 'gatehouse.yaml')
  writeFileSync(
    settings,
    `gateway: { listen: ["http://127.0.0.1:${port}"], hosts: [register.localhost] }
services:
  - { name: bench, hosts: [bench.localhost], upstream: ["http://127.0.0.1:1"], client: browser, signIn: none }
store: sqlite:record.db
management: { listen: "http://127.0.0.1:0" }
app:
  company: Example Corp
  packageKeys: [{ id: evaluation, secret: { file: package.key } }]
  attempts: { perAddress: 100000000, perDevice: 100000000 }
policy: policy.yaml
`,
  )
  return settings
}

function phonesFor(port: number, secret: string, devices: number): readonly Launcher[] {
  return Array.from({ length: devices }, (_, index) =>
    launcherOn({
      gateway: `http://register.localhost:${port}`,
      packageKey: { id: 'evaluation', secret },
      configuration: {
        deviceId: `BENCH${String(index).padStart(8, '0')}XY`,
        deviceIdType: 'UDID',
        username: `user${index}`,
        companyName: 'Example Corp',
      },
    }),
  )
}

interface Load {
  readonly port: number
  readonly seconds: number
  readonly connections: number
}

async function apply(phones: readonly Launcher[], { port, seconds, connections }: Load) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const end = performance.now() + seconds * 1000
  const done = { taken: 0, refused: 0 }
  let next = 0
  const worker = async () => {
    while (performance.now() < end) {
      const phone = phones[next++ % phones.length]
      if (phone === undefined) return
      if ((await register(phone, port, agent)) === 200) done.taken++
      else done.refused++
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  agent.destroy()
  return done
}

function register(phone: Launcher, port: number, agent: Agent): Promise<number | undefined> {
  const url = new URL(`http://register.localhost:${port}/.gatehouse/app/register`)
  const body = phone.contact()
  const headers = { host: url.host, 'content-type': 'application/json', ...phone.signContact(url, body) }
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, agent, method: 'POST', path: url.pathname, headers },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
