import { join } from 'node:path'
import { visitAll } from '../device-load.ts'
import { startInstallation } from '../installation.ts'
import { memoryOf } from '../memory.ts'
import { databases, type SeededRecord, seededRecord } from './records.ts'
import type { Scenario } from './scenario.ts'
import { type Workshop, withWorkshop } from './workshop.ts'

/** Promised: 1.5 s with a million registrations. */
export const start: Scenario = {
  name: 'start',
  summary: 'from the start of the program to the first connection, and memory before and after many devices',
  options: {
    startRegistrations: { default: 1_000_000, description: 'in the record' },
    startDevices: { default: 150_000, description: 'of them that then send a request each' },
    starts: { default: 3, description: 'of which the quickest and the slowest are told' },
  },
  async run({ startRegistrations = 1_000_000, startDevices = 150_000, starts = 3 }) {
    await withWorkshop(async (workshop) => {
      const rows: object[] = []
      for (const name of databases) {
        const folder = join(workshop.folder, name)
        const record = await seededRecord(name, startRegistrations, { folder, servers: workshop.servers })
        for (const processes of [1, 3])
          rows.push(
            await measure(
              record,
              { processes, starts, devices: Math.min(startDevices, startRegistrations) },
              workshop,
            ),
          )
      }
      console.table(rows)
    })
  },
}

interface Order {
  readonly processes: number
  readonly starts: number
  readonly devices: number
}

async function measure(record: SeededRecord, { processes, starts, devices }: Order, workshop: Workshop) {
  const { name, store, registrations } = record
  const folder = join(workshop.folder, `${name}-${processes}`)
  const installation = { folder, store, processes, upstreamPort: workshop.upstreamPort }
  // The first one has the compile cache and the files of the database to warm.
  await (await startInstallation(installation)).running.stop()
  const times: number[] = []
  for (let n = 1; n < starts; n++) {
    const { running, startedWithin } = await startInstallation(installation)
    times.push(startedWithin)
    await running.stop()
  }
  const gateway = await startInstallation(installation)
  try {
    times.push(gateway.startedWithin)
    const before = memoryOf(gateway.pid)
    await visitAll({ port: gateway.port, connections: 64, registrations, active: devices })
    return {
      record: name,
      registrations,
      processes,
      'listening ms': `${Math.round(Math.min(...times))}–${Math.round(Math.max(...times))}`,
      'MB at start': before.join(' '),
      [`MB after ${devices} devices`]: memoryOf(gateway.pid).join(' '),
    }
  } finally {
    await gateway.running.stop()
  }
}
