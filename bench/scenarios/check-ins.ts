import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import { createMdm, type HandleMdm } from '../../src/enrollment/mdm/handle.ts'
import { identitiesOf, pinnedIdentity } from '../../src/enrollment/mdm/identities.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import type { Schema } from '../../src/store/schema.ts'
import { openSqliteStore, withSqliteAlone } from '../../src/store/sqlite.ts'
import type { Scenario } from './scenario.ts'

/** Polls of enrolled devices that find nothing to do: what a fleet does most. */
export const checkIns: Scenario = {
  name: 'check-ins',
  summary: 'polls of enrolled devices per CPU-second, each signed and verified, the record in SQLite',
  options: {
    enrolled: { default: 100_000, description: 'enrolled devices in the record' },
    polls: { default: 3000, description: 'polls' },
    signing: { default: 50, description: 'devices that poll, each with a key of its own' },
  },
  async run({ enrolled = 100_000, polls = 3000, signing = 50 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    try {
      await measure({ folder, enrolled, polls, signing })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

interface Run {
  readonly folder: string
  readonly enrolled: number
  readonly polls: number
  readonly signing: number
}

async function measure({ folder, enrolled, polls, signing }: Run): Promise<void> {
  const path = join(folder, 'record.db')
  await (await openSqliteStore(path, { now: Date.now })).close()
  const devices = Array.from({ length: signing }, (_, index) => makeDevice(folder, index))
  await withSqliteAlone(path, (db) => fill(db, enrolled, devices))
  const store = await openSqliteStore(path, { now: Date.now })
  const handle = createMdm({
    record: store,
    identities: identitiesOf(store),
    topic: () => topic,
    sha1: false,
  })
  await poll(handle, devices, 200)
  const [cpu, wall] = [process.cpuUsage(), performance.now()]
  await poll(handle, devices, polls)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - wall) / 1000
  await store.close()
  console.table([
    {
      'enrolled devices': enrolled,
      'polls/CPU-second': Math.round(polls / ((user + system) / 1e6)),
      'polls/second': Math.round(polls / seconds),
    },
  ])
}

const topic = 'com.apple.mgmt.External.bench'

interface BenchDevice {
  readonly udid: string
  readonly certificate: X509Certificate
  readonly body: Buffer
  readonly signature: string
}

function makeDevice(folder: string, index: number): BenchDevice {
  const udid = udidOf(index)
  const run = (...parameters: string[]) =>
    execFileSync('openssl', parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  run(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'd.key',
    '-out',
    'd.crt',
    '-subj',
    `/CN=${udid}`,
  )
  const body = writePlist({ Status: 'Idle', UDID: udid })
  const signature = execFileSync(
    'openssl',
    ['cms', '-sign', '-binary', '-md', 'sha256', '-outform', 'DER', '-signer', 'd.crt', '-inkey', 'd.key'],
    { cwd: folder, input: body },
  )
  const certificate = new X509Certificate(readFileSync(join(folder, 'd.crt')))
  return { udid, certificate, body, signature: signature.toString('base64') }
}

function udidOf(index: number): string {
  return `00008110-${String(index).padStart(16, '0')}`
}

async function poll(handle: HandleMdm, devices: readonly BenchDevice[], count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    const { body, signature } = devices[done % devices.length]!
    const answer = await handle({
      ...{ body, signature, contentType: 'application/x-apple-aspen-mdm', clientCertificate: undefined },
      at: Date.now(),
    })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.note.problem}`)
  }
}

/** Straight into the tables: the rows that enrolling leaves. */
async function fill(db: Kysely<Schema>, enrolled: number, devices: readonly BenchDevice[]): Promise<void> {
  const now = Date.now()
  const atOnce = 500
  for (let start = 0; start < enrolled; start += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, enrolled - start) }, (_, index) => start + index)
    const rows = numbers.map((number) => rowsOf(number, devices[number]?.certificate, now))
    await db
      .insertInto('enrollments')
      .values(rows.map(({ enrollment }) => enrollment))
      .execute()
    await db
      .insertInto('enrollment_identities')
      .values(rows.map(({ identity }) => identity))
      .execute()
    await db
      .insertInto('certificates')
      .values(rows.map(({ issued }) => issued))
      .execute()
  }
}

function rowsOf(number: number, certificate: X509Certificate | undefined, now: number) {
  const id = udidOf(number)
  const pinned = certificate
    ? pinnedIdentity(certificate)
    : { certificate: `certificate ${number}`, publicKey: `key ${number}` }
  const identity = {
    certificate: pinned.certificate,
    public_key: pinned.publicKey,
    enrollment: id,
    pinned_at: now,
  }
  const enrollment = {
    ...{ id, kind: 'device', parent: null, state: 'enrolled', user_name: `user${number}` },
    ...{
      ids: JSON.stringify({ udid: id }),
      serial: `SERIAL${number}`,
      certificate: pinned.certificate,
      topic,
    },
    device: JSON.stringify({ udid: id, platform: 'ios', osVersion: '18.1' }),
    ...{ token: null, magic: null, token_at: null, unlock_token: null, bootstrap_token: null, awaiting: 0 },
    ...{ created_at: now, authenticated_at: now, last_seen_at: now },
    ...{ ended_at: null, ended_by: null, ended_why: null },
  }
  const issued = {
    ...{ serial: `S${number}`, authority: 'ca', purpose: 'device', enrollment: id, user_name: null },
    ...{ fingerprint: pinned.certificate, public_key: pinned.publicKey, certificate: '' },
    ...{ not_before: now, not_after: now + 1e10, issued_at: now },
    ...{ scep_transaction: null, challenge: null, predecessor: null },
    ...{ revoked_at: null, revoked_by: null, revoked_why: null, revoked_reason: null },
  }
  return { enrollment, identity, issued }
}
