import { type Database, write } from './database.ts'
import type { InstallationKeys } from './ports.ts'

export function createInstallationKeys(db: Database): InstallationKeys {
  return {
    async getOrCreate(name, create) {
      const stored = await read(db.read, name)
      if (stored !== undefined) return stored
      return write(db, async (tx) => {
        const first = await read(tx, name)
        if (first !== undefined) return first
        const value = create()
        await tx.insertInto('installation_keys').values({ name, value }).execute()
        return value
      })
    },
  }
}

async function read(db: Database['read'], name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('installation_keys')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.value
}
