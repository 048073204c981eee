import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { startApns } from '../../sim/apns.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { PushWorker } from '../../src/apns/apns.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Scenario } from './scenario.ts'

const topic = 'com.apple.mgmt.External.bench'
/** Milliseconds after which what has not come counts as lost, for so many pushes. */
const longest = (pushes: number) => 120_000 + 5 * pushes

export const pushes: Scenario = {
  name: 'pushes',
  summary:
    'pushes per second against the simulated Apple, the outbox in SQLite, while its connections are cut now and then',
  options: { pushes: { default: 20_000, description: 'devices that are to be woken' } },
  async run({ pushes: wanted = 20_000 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    try {
      await measure(folder, wanted)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function measure(folder: string, wanted: number): Promise<void> {
  const notBefore = Date.now() - 86_400_000
  const make = (commonName: string) => issueCertificate({ commonName, use: 'authority', notBefore, days: 30 })
  const [servers, clients] = await Promise.all([make('servers'), make('clients')])
  const server = await issueCertificate({
    ...{ commonName: 'apns', issuer: servers, use: 'server', addresses: ['127.0.0.1'], notBefore, days: 30 },
  })
  const own = await issueCertificate({
    ...{ commonName: 'push', issuer: clients, use: 'client', uid: topic, notBefore, days: 30 },
  })
  const apns = await startApns({
    cert: server.certificate,
    key: server.key,
    clientCa: clients.certificate,
    streams: 500,
  })
  const file = join(folder, 'record.db')
  const store = await openSqliteStore(file, { now: Date.now })
  seed(file, wanted)
  const stop = new AbortController()
  const worker = new PushWorker({
    certificate: { cert: own.certificate, key: own.key, topic, notAfter: 0, fingerprint: '' },
    ...{ origin: apns.origin, ca: servers.certificate, most: 2, timeout: 10_000, pingAfter: 3_600_000 },
    outbox: store.pushOutbox,
    enrollments: {
      pushTarget: async (enrollment) => ({
        ...{ enrollment, topic, magic: `magic ${enrollment}`, updatedAt: notBefore },
        token: Buffer.from(enrollment.padEnd(32)).toString('hex'),
      }),
      retireToken: async () => {},
    },
    now: Date.now,
    newId: randomUUID,
    random: () => 0,
    sleep: async (ms, signal) => void (await delay(Math.min(ms, 50), undefined, { signal })),
    onPush: () => {},
    onCondition: () => {},
    onError: (error) => console.error(error),
  })
  const before = process.cpuUsage()
  const begin = performance.now()
  const running = worker.run(stop.signal)
  const cutting = setInterval(() => apns.goaway('Shutdown'), 500)
  const woken = new Set<string>()
  apns.onPush(({ token }) => woken.add(token))
  while (woken.size < wanted && performance.now() - begin < longest(wanted)) await delay(100)
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(before)
  clearInterval(cutting)
  stop.abort()
  await running
  await store.close()
  await apns.close()
  console.table([
    {
      pushes: wanted,
      'pushes/s': Math.round(wanted / seconds),
      'pushes/CPU-second (both sides)': Math.round(wanted / ((user + system) / 1e6)),
      lost: wanted - woken.size,
      'sent twice': apns.pushes.length - woken.size,
      connections: apns.connections,
    },
  ])
}

/** Rows of the outbox as `wantPush` makes them, without a commit for each. */
function seed(file: string, rows: number): void {
  const database = new DatabaseSync(file)
  database.exec('begin')
  const insert = database.prepare(
    'insert into push_outbox (enrollment, wanted, due_at, failures, accepted) values (?, 0, 0, 0, 0)',
  )
  for (let row = 0; row < rows; row++) insert.run(`device-${row}`)
  database.exec('commit')
  database.close()
}
