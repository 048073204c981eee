import { join } from 'node:path'
import { openStore } from '../../src/store/open.ts'
import { startInstallation } from '../installation.ts'
import { applyLoad, summary } from '../load.ts'
import { cpuSeconds } from '../processes.ts'
import { databases, type SeededRecord, seededRecord } from './records.ts'
import type { Scenario } from './scenario.ts'
import { withWorkshop } from './workshop.ts'

/**
 * First registrations: each a sign-in of another user that the upstream accepts, committed to the disk before its
 * answer. Writes of an installation follow one another, so this is what the disk's commits allow, whatever the number of processes.
 */
export const registrations: Scenario = {
  name: 'registrations',
  summary: 'first registrations per second, through the gateway',
  options: {
    registrationSeconds: { default: 5, description: 'of load' },
    registrationConnections: { default: 32, description: 'at a time' },
    registrationsBefore: { default: 10_000, description: 'in the record already' },
  },
  async run({ registrationSeconds = 5, registrationConnections = 32, registrationsBefore = 10_000 }) {
    const policy = `networks: { office: [127.0.0.0/8] }
registration: [{ name: Office, when: { network: office }, then: allow }]
access: [{ name: Just arrived, when: { registeredWithin: 30d }, then: allow }]
`
    await withWorkshop(async ({ folder, upstreamPort, servers }) => {
      const rows: object[] = []
      for (const name of databases) {
        const record = await seededRecord(name, registrationsBefore, { folder: join(folder, name), servers })
        for (const processes of [1, 3]) {
          process.stderr.write(`${name}, ${processes} processes\n`)
          const gateway = await startInstallation({
            folder: join(folder, `${name}-${processes}`),
            upstreamPort,
            store: record.store,
            processes,
            policy,
          })
          try {
            const load = { port: gateway.port, connections: registrationConnections, expect: 'HTTP/1.1 ' }
            let users = 0
            const request = () => signIn(`${name}-${processes}-${users++}`)
            await applyLoad({ ...load, request, seconds: 2 })
            const before = cpuSeconds(gateway.pid)
            const first = await changesOf(record)
            const { requests, seconds, p50, p99 } = summary([
              await applyLoad({ ...load, request, seconds: registrationSeconds }),
            ])
            const cpu = cpuSeconds(gateway.pid) - before
            // Each registration is one change.
            const registered = (await changesOf(record)) - first
            rows.push({
              record: name,
              processes,
              'registrations/s': Math.round(registered / seconds),
              'registrations/CPU-second': Math.round(registered / cpu),
              refused: requests - registered,
              'p50 ms': Math.round(p50),
              'p99 ms': Math.round(p99),
            })
          } finally {
            await gateway.running.stop()
          }
        }
      }
      console.table(rows)
    })
  },
}

async function changesOf({ location }: SeededRecord): Promise<number> {
  const store = await openStore(location, { now: Date.now })
  const latest = await store.changes.latest()
  await store.close()
  return latest
}

function signIn(user: string): string {
  const body = `username=${user}&password=secret`
  return `POST /login HTTP/1.1\r\nHost: bench.localhost\r\nOrigin: http://bench.localhost\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
