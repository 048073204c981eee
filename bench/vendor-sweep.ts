/**
 * One sweep, as the compliance role does it, in a process of its own, so that its memory and CPU are its own:
 * `vendor-sweep.ts TYPE URL RECORD` writes what it cost as JSON.
 */

import { statSync } from 'node:fs'
import { counterparts } from '../sim/vendors/table.ts'
import { simulatedCredentials } from '../sim/vendors/vendor-simulation.ts'
import { Compliance } from '../src/compliance/compliance.ts'
import { openConnector } from '../src/compliance/connectors/table.ts'
import { VendorBuilder } from '../src/settings/sections/vendors/common.ts'
import { buildVendor, vendorSchema } from '../src/settings/sections/vendors/table.ts'
import type { SweepCounts } from '../src/store/ports.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'

export interface SweepCost {
  readonly seconds: number
  readonly cpuSeconds: number
  /** The most memory that the process has had resident. */
  readonly megabytes: number
  readonly counts: SweepCounts
  /** Bytes that were written to the record. */
  readonly written: number
}

const signal = new AbortController().signal

async function measureSweep(
  type: keyof typeof counterparts,
  url: string,
  record: string,
): Promise<SweepCost> {
  const store = await openSqliteStore(record, { now: Date.now })
  const open = openConnector(connectionOf(type, url), { now: Date.now, random: Math.random })
  let counts: SweepCounts | undefined
  const compliance = new Compliance({
    record: store,
    changes: store.changes,
    vendors: [open],
    rules: { grace: 'allow', surplus: 'refuse', aliases: new Map(), maxSilence: undefined },
    brake: { maxNewlyBlocked: 0.1, atLeast: 20 },
    whenGone: 'keep',
    smallestSweep: 0.5,
    interval: 300_000,
    askAgain: 30_000,
    now: Date.now,
    random: Math.random,
    sleep: async () => {},
    events: {
      onPoll: (_vendor, { outcome }) => {
        counts = outcome?.counts
      },
      onHeld: () => {},
      onError: (error) => {
        throw error
      },
    },
  })
  const before = { at: performance.now(), cpu: process.cpuUsage(), wal: sizeOf(`${record}-wal`) }
  await compliance.pollOnce('vendor', signal)
  const { user, system } = process.cpuUsage(before.cpu)
  const seconds = (performance.now() - before.at) / 1000
  const written = sizeOf(`${record}-wal`) - before.wal
  await open.close()
  await store.close()
  if (counts === undefined) throw new Error('the sweep said nothing')
  const megabytes = process.resourceUsage().maxRSS / 1024
  return { seconds, cpuSeconds: (user + system) / 1e6, megabytes, counts, written }
}

/** The write-ahead log: every write goes there first. It begins anew when a sweep writes very much. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function connectionOf(type: keyof typeof counterparts, url: string) {
  const readers = {
    env: { ...simulatedCredentials },
    resolve: (path: string) => path,
    readFile: () => ({ text: undefined, mistake: 'there are no files here' }),
  }
  const written = vendorSchema.parse({ name: 'vendor', ...counterparts[type].settings(url) })
  return buildVendor(written, new VendorBuilder(readers, ['compliance', 'vendors', 0], []))
}

if (import.meta.main) {
  const [type = '', url = '', record = ''] = process.argv.slice(2)
  if (!(type in counterparts)) throw new Error(`there is no vendor ${type}`)
  const cost = await measureSweep(type as keyof typeof counterparts, url, record) // the line above has checked it
  process.stdout.write(`${JSON.stringify(cost)}\n`)
}
