import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counterparts } from '../../sim/vendors/table.ts'
import { simulatedCredentials } from '../../sim/vendors/vendor-simulation.ts'
import { type RunningInstallation, startInstallation } from '../installation.ts'
import { applyLoad, type LoadResult, summary } from '../load.ts'
import { firstLine, type Running, start } from '../processes.ts'
import { deviceSecret, seedRecord } from '../seed.ts'
import type { Scenario } from './scenario.ts'

/** Each waits between two requests: nobody can promise the latency of a machine that has no time left. */
const connections = 20
/** Seconds of each measured piece. */
const piece = 2
const vendor = 'intune'

export const polling: Scenario = {
  name: 'polling',
  summary: 'latency at the gateway while the whole fleet of an MDM vendor is read',
  options: {
    pollingDevices: { default: 100_000, description: 'in the fleet' },
    pollingPerSecond: { default: 300, description: 'requests a second' },
  },
  async run({ pollingDevices = 100_000, pollingPerSecond = 300 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-polling-'))
    const upstream = run('../upstream.ts')
    const simulator = run('../vendor-simulator.ts', vendor, String(pollingDevices))
    try {
      const upstreamPort = Number(await firstLine(upstream))
      const url = await firstLine(simulator)
      await measure({ folder, upstreamPort, url }, pollingPerSecond)
    } finally {
      await Promise.all([upstream.stop(), simulator.stop()])
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function run(path: string, ...args: readonly string[]): Running {
  return start(process.execPath, [fileURLToPath(new URL(path, import.meta.url)), ...args])
}

interface Course {
  readonly folder: string
  readonly upstreamPort: number
  readonly url: string
}

async function measure({ folder, upstreamPort, url }: Course, perSecond: number): Promise<void> {
  const path = join(folder, 'data', 'record.db')
  await seedRecord({ kind: 'sqlite', path }, { registrations: 1, service: 'bench', registeredAt: Date.now() })
  Object.assign(process.env, simulatedCredentials)
  const common = {
    folder,
    upstreamPort,
    processes: 'auto',
    policy: 'access: [{ name: Everybody, then: allow }]\n',
  } as const
  const quiet = await startInstallation(common)
  // The first pieces meet code that is not compiled yet.
  const before = await load(quiet, perSecond, 10).finally(() => quiet.running.stop())
  const settings = { name: 'vendor', ...counterparts[vendor].settings(url) }
  const busy = await startInstallation({ ...common, compliance: { interval: '15s', vendors: [settings] } })
  try {
    const first = await until(busy, 1, perSecond)
    const again = await until(busy, 2, perSecond)
    print([
      ['nothing else', before.slice(3)],
      ['first sweep', first],
      ['the same again', again],
    ])
  } finally {
    await busy.running.stop()
  }
}

/** Load until so many sweeps have ended; the piece in which the last one ended counts too. */
async function until(
  installation: RunningInstallation,
  sweeps: number,
  perSecond: number,
): Promise<readonly LoadResult[]> {
  const results: LoadResult[] = []
  do results.push(...(await load(installation, perSecond, 1)))
  while ((await installation.metric('gatehouse_vendor_sweep_duration_seconds_count')) < sweeps)
  return results
}

async function load(
  { port }: RunningInstallation,
  perSecond: number,
  pieces: number,
): Promise<readonly LoadResult[]> {
  const request = `GET /api/messages HTTP/1.1\r\nHost: bench.localhost\r\nCookie: gatehouse-device=${deviceSecret(0)}\r\n\r\n`
  const pause = (connections * 1000) / perSecond
  const results: LoadResult[] = []
  for (let count = 0; count < pieces; count++)
    results.push(await applyLoad({ port, connections, seconds: piece, request, pause }))
  return results
}

function print(rows: readonly (readonly [string, readonly LoadResult[]])[]): void {
  console.table(
    rows.map(([meanwhile, results]) => {
      const { requests, seconds, p50, p99 } = summary(results)
      return {
        meanwhile,
        'requests/s': Math.round(requests / seconds),
        seconds: Math.round(seconds),
        'p50 ms': Number(p50.toFixed(2)),
        'p99 ms': Number(p99.toFixed(2)),
      }
    }),
  )
}
