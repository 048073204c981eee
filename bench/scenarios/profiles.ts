import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Kysely } from 'kysely'
import {
  type Organisation,
  type ProfileTemplate,
  revisionFor,
  templateOf,
} from '../../src/enrollment/profiles/build-profile.ts'
import { ProfileKeeper } from '../../src/enrollment/profiles/keeper.ts'
import { readProfile } from '../../src/enrollment/profiles/read-profile.ts'
import type { Store } from '../../src/store/ports.ts'
import type { Schema } from '../../src/store/schema.ts'
import { openSqliteStore, withSqliteAlone } from '../../src/store/sqlite.ts'
import type { Scenario } from './scenario.ts'

/** A pass over a fleet that has all that it should have: what the keeper does every ten minutes, for ever. */
export const profiles: Scenario = {
  name: 'profiles',
  summary: 'a pass of the profiles’ keeper over settled devices, 20 profiles each, the record in SQLite',
  options: { devices: { default: 10_000, description: 'enrolled devices, each with all its profiles' } },
  async run({ devices = 10_000 }) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    try {
      await measure(join(folder, 'record.db'), devices)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

const profilesEach = 20

const organisation: Organisation = {
  name: 'Bench',
  identifier: 'com.example.mdm',
  scepUrl: 'https://mdm.example.com/scep',
  revisionKey: Buffer.alloc(32, 7),
}

/** Half of them are another one for each user, and one brings a certificate. */
function written(index: number): string {
  const account = `exchange: { id: account, host: mail.example.com, user: "%user%" }`
  const payload =
    index === 0 ? 'scep: {}' : index % 2 === 0 ? account : `passcode: { minLength: ${index % 16} }`
  return `name: p${index}\ntitle: Profile\nassign: { everyone: true }\npayloads:\n  - ${payload}\n`
}

async function measure(path: string, devices: number): Promise<void> {
  const loaded = Array.from({ length: profilesEach }, (_, index) => {
    const { profile } = readProfile(written(index), `/p${index}.yaml`, {})
    if (profile === undefined) throw new Error('a profile of the bench is wrong')
    return profile
  })
  const templates = loaded.map((profile) => templateOf(profile, organisation))
  const now = Date.now()
  await (await openSqliteStore(path, { now: Date.now })).close()
  await withSqliteAlone(path, (db) => fill(db, devices, { templates, now }))
  const store = await openSqliteStore(path, { now: Date.now })
  let queries = 0
  const ended = new AbortController()
  let sent = 0
  const keeper = new ProfileKeeper({
    ...{ organisation, pace: 600, check: 24 * 3_600_000, renewBefore: 0, now: Date.now },
    record: counted(store, () => queries++),
    profiles: () => loaded,
    authority: { authority: neverAsked, signProfile: neverAsked },
    secret: () => '',
    newUuid: () => '',
    // Nothing is left to do.
    sleep: async () => ended.abort(),
    events: {
      onStep: () => sent++,
      onFailed() {},
      onError(error) {
        throw error
      },
    },
  })
  collectGarbage()
  const heapBefore = process.memoryUsage().heapUsed
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [cpu, wall] = [process.cpuUsage(), performance.now()]
  await keeper.run(ended.signal)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - wall) / 1000
  delay.disable()
  collectGarbage()
  const heap = process.memoryUsage().heapUsed - heapBefore
  await store.close()
  if (sent > 0) throw new Error(`${sent} profiles were sent to devices that have them`)
  console.table([
    {
      devices,
      'profiles each': profilesEach,
      'CPU seconds/1000 devices': round((user + system) / 1e6 / (devices / 1000)),
      'seconds in all': round(seconds),
      'longest hold (ms)': round(delay.max / 1e6),
      'queries/device': round(queries / devices),
      'heap growth (MiB)': round(heap / 1024 / 1024),
    },
  ])
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

function neverAsked(): never {
  throw new Error('a settled device is sent nothing')
}

/** The record, with every call of one of its parts told. */
function counted(store: Store, onCall: () => void): Store {
  return Object.fromEntries(
    Object.entries(store).map(([name, part]) => [name, isPart(part) ? countedPart(part, onCall) : part]),
  ) as unknown as Store // the same parts by the same names
}

function isPart(part: unknown): part is Readonly<Record<string, unknown>> {
  return typeof part === 'object' && part !== null
}

function countedPart(part: Readonly<Record<string, unknown>>, onCall: () => void): object {
  return Object.fromEntries(
    Object.entries(part).map(([name, method]) => [
      name,
      typeof method === 'function'
        ? (...parameters: unknown[]) => {
            onCall()
            return Reflect.apply(method, part, parameters)
          }
        : method,
    ]),
  )
}

interface Filling {
  readonly templates: readonly ProfileTemplate[]
  readonly now: number
}

/** Straight into the tables: the rows that are there once every device has answered. */
async function fill(db: Kysely<Schema>, devices: number, filling: Filling): Promise<void> {
  const atOnce = 50
  for (let first = 0; first < devices; first += atOnce) {
    const rows = Array.from({ length: Math.min(atOnce, devices - first) }, (_, index) =>
      rowsOf(first + index, filling),
    )
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('enrollments')
        .values(rows.map(({ enrollment }) => enrollment))
        .execute()
      await tx
        .insertInto('certificates')
        .values(rows.map(({ certificate }) => certificate))
        .execute()
      await tx
        .insertInto('enrollment_inventory')
        .values(rows.map(({ inventory }) => inventory))
        .execute()
      await tx
        .insertInto('device_profiles')
        .values(rows.flatMap(({ installed }) => installed))
        .execute()
    })
  }
}

function rowsOf(number: number, { templates, now }: Filling) {
  const id = `00008110-${String(number).padStart(16, '0')}`
  const user = `user${number}`
  const installed = templates.map((template) => ({
    ...{ enrollment: id, identifier: template.identifier, action: 'install', state: 'done' },
    revision: revisionFor(template, { values: { user }, userEnrollment: undefined }),
    ...{ command: null, error: null, required: 0, attempts: 0, at: now - 1000, due_at: null },
  }))
  const list = installed.map(({ identifier, revision }) => ({
    ...{ PayloadIdentifier: identifier, PayloadUUID: revision, PayloadDisplayName: 'Profile' },
    ...{ PayloadVersion: 1, PayloadOrganization: 'Bench', HasRemovalPasscode: false, IsEncrypted: false },
  }))
  return {
    installed,
    inventory: { enrollment: id, part: 'profiles', at: now, body: JSON.stringify({ list }) },
    certificate: certificateRow(number, { id, now, profile: templates[0]?.identifier ?? '' }),
    enrollment: {
      ...{ id, kind: 'device', parent: null, state: 'enrolled', user_name: user },
      ...{
        ids: JSON.stringify({ udid: id }),
        serial: `SERIAL${number}`,
        certificate: `certificate ${number}`,
      },
      topic: 'com.apple.mgmt.External.bench',
      device: JSON.stringify({ udid: id, platform: 'ios', osVersion: '18.1' }),
      ...{ token: null, magic: null, token_at: null, unlock_token: null, bootstrap_token: null, awaiting: 0 },
      ...{ created_at: now - 5000, authenticated_at: now - 5000, last_seen_at: now },
      ...{ ended_at: null, ended_by: null, ended_why: null },
    },
  }
}

interface Held {
  readonly id: string
  readonly now: number
  readonly profile: string
}

function certificateRow(number: number, { id, now, profile }: Held) {
  return {
    ...{ serial: `S${number}`, authority: 'ca', purpose: 'device', enrollment: id, user_name: null },
    ...{ fingerprint: `f${number}`, public_key: `k${number}`, certificate: 'A'.repeat(1200), profile },
    ...{ not_before: now, not_after: now + 1e10, issued_at: now - 2000 },
    ...{ scep_transaction: null, challenge: null, predecessor: null, managed_apple_id: null },
    ...{ revoked_at: null, revoked_by: null, revoked_why: null, revoked_reason: null },
  }
}
