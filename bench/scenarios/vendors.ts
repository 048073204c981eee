import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counterparts } from '../../sim/vendors/table.ts'
import { firstLine, type Running, start } from '../processes.ts'
import type { SweepCost } from '../vendor-sweep.ts'
import type { Scenario } from './scenario.ts'

export const vendors: Scenario = {
  name: 'vendors',
  summary: 'a sweep through a whole fleet, for each MDM vendor, and the same again with nothing changed',
  options: {
    devices: { default: 100_000, description: 'in the fleet' },
  },
  async run({ devices = 100_000 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    try {
      const rows: object[] = []
      for (const type of Object.keys(counterparts))
        rows.push(...(await sweepTwice(type, { devices, folder })))
      console.table(rows)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function sweepTwice(
  type: string,
  { devices, folder }: { readonly devices: number; readonly folder: string },
): Promise<readonly object[]> {
  process.stderr.write(`${type}: making ${devices} devices\n`)
  const simulator = program('../vendor-simulator.ts', type, String(devices))
  try {
    const url = await firstLine(simulator)
    const record = join(folder, `${type}.db`)
    const first = await sweep(type, url, record)
    const again = await sweep(type, url, record)
    return [row(type, 'first', first), row(type, 'again', again)]
  } finally {
    await simulator.stop()
  }
}

async function sweep(type: string, url: string, record: string): Promise<SweepCost> {
  const sweeping = program('../vendor-sweep.ts', type, url, record)
  return JSON.parse(await firstLine(sweeping)) as SweepCost // written by that program
}

function program(path: string, ...args: readonly string[]): Running {
  return start(process.execPath, [fileURLToPath(new URL(path, import.meta.url)), ...args])
}

function row(vendor: string, sweep: string, { seconds, cpuSeconds, megabytes, counts }: SweepCost): object {
  return {
    vendor,
    sweep,
    devices: counts.devices,
    written: counts.changed,
    s: Number(seconds.toFixed(1)),
    'CPU s': Number(cpuSeconds.toFixed(1)),
    'peak MB': Math.round(megabytes),
  }
}
