import { z } from 'zod'
import { advance, type Database, write } from './database.ts'
import type { Refusals, StoredRefusal } from './ports.ts'
import { fromJson } from './rows.ts'

export function createRefusals(db: Database): Refusals {
  return {
    async add(refusals, retain) {
      if (refusals.length === 0) return
      await write(db, async (tx) => {
        const last = await advance(tx, 'refusals', refusals.length)
        const first = last - refusals.length + 1
        const rows = refusals.map(({ reference, at, ...body }, index) => ({
          sequence: first + index,
          reference,
          at,
          body: JSON.stringify(body),
        }))
        await tx
          .insertInto('refusals')
          .values(rows)
          .onConflict((conflict) => conflict.column('reference').doNothing())
          .execute()
        await tx
          .deleteFrom('refusals')
          .where('sequence', '<=', last - retain)
          .execute()
      })
    },
    async get(reference) {
      const row = await db.read
        .selectFrom('refusals')
        .selectAll()
        .where('reference', '=', reference)
        .executeTakeFirst()
      if (row === undefined) return undefined
      const stored = fromJson(body, row.body, `refusal ${reference}`)
      // Written by `add` from this very type; facts and explanation gain fields from version to version.
      return { ...stored, reference, at: row.at } as unknown as StoredRefusal
    },
  }
}

const body = z.looseObject({
  facts: z.looseObject({ service: z.string(), client: z.string(), method: z.string(), path: z.string() }),
  registration: z.exactOptional(z.string()),
  state: z.exactOptional(z.looseObject({ version: z.number() })),
  explanation: z.looseObject({
    decision: z.looseObject({ verdict: z.string(), reason: z.string() }),
    networks: z.array(z.string()),
    trace: z.array(z.looseObject({ rule: z.string(), matched: z.boolean() })),
  }),
  policyDigest: z.string(),
})
