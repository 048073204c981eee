import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreLocation } from '../../src/store/location.ts'
import { type Seed, seedRecord } from '../seed.ts'
import { type Servers, storeSetting } from '../servers.ts'

/** A record that has been filled, as a scenario's settings name it. */
export interface SeededRecord {
  readonly name: 'SQLite' | 'PostgreSQL'
  readonly location: StoreLocation
  readonly store: string
  readonly registrations: number
}

export const databases = ['SQLite', 'PostgreSQL'] as const

/** @param folder for a SQLite file */
export async function seededRecord(
  name: SeededRecord['name'],
  registrations: number,
  { folder, servers }: { readonly folder: string; readonly servers: Servers },
): Promise<SeededRecord> {
  process.stderr.write(`${name}: ${registrations} registrations\n`)
  mkdirSync(folder, { recursive: true })
  const location: StoreLocation =
    name === 'SQLite'
      ? { kind: 'sqlite', path: join(folder, `${registrations}.db`) }
      : await (await servers.postgres()).createLocation()
  // Registered within the hour that the policy of the benches allows.
  const seed: Seed = { registrations, service: 'bench', registeredAt: Date.now() - 3_600_000 }
  await seedRecord(location, seed)
  return { name, location, store: storeSetting(location), registrations }
}
