import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { counterparts } from '../../sim/vendors/table.ts'
import { jobsFlags } from '../../src/supervisor/supervisor.ts'
import { firstLine, start } from '../processes.ts'
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
  const simulator = start(process.execPath, [path('../vendor-simulator.ts'), type, String(devices)])
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
  const sweeping = start(process.execPath, [...jobsFlags, path('../vendor-sweep.ts'), type, url, record])
  return JSON.parse(await firstLine(sweeping)) as SweepCost // written by that program
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}

function row(
  vendor: string,
  sweep: string,
  { seconds, cpuSeconds, megabytes, counts, written }: SweepCost,
): object {
  return {
    vendor,
    sweep,
    devices: counts.devices,
    'devices written': counts.changed,
    'KB written': sweep === 'first' ? '' : Math.round(written / 1024),
    s: Number(seconds.toFixed(1)),
    'CPU s': Number(cpuSeconds.toFixed(1)),
    'peak MB': Math.round(megabytes),
  }
}
