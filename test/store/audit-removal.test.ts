import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { start } from './contract/values.ts'

/** What somebody with write access to the file does to a log of nine records, of which three were removed by the program. */
const tampering = {
  'changes nothing': { statement: 'select 1', bad: undefined },
  'cuts more from the beginning': { statement: 'delete from audit where sequence <= 5', bad: 4 },
  'cuts all that is older than the removal’s record': {
    statement:
      "delete from audit where sequence < (select sequence from audit where action = 'audit.removed')",
    bad: 4,
  },
  'edits the record of the removal': {
    statement: `update audit set details = replace(details, '"through":3', '"through":5') where action = 'audit.removed'`,
    bad: 5,
  },
  'breaks the record of the removal': {
    statement: "update audit set details = '{' where action = 'audit.removed'",
    bad: 1,
  },
  'drops the record of the removal': {
    statement: "delete from audit where action = 'audit.removed'",
    bad: 1,
  },
} as const

for (const [what, { statement, bad }] of Object.entries(tampering)) {
  t.test(
    `after a removal of old records, and somebody who ${what}, the log ${bad === undefined ? 'is intact' : `does not fit at ${bad}`}`,
    async (t) => {
      const path = join(t.testdir(), 'record.db')
      const store = await openSqliteStore(path, { now: () => start + 100 })
      t.teardown(() => store.close())
      const event = { action: 'policy.loaded', actor: 'gateway', subject: 'digest', details: {} } as const
      for (let at = 1; at <= 8; at++) await store.audit.append({ at: start + at, ...event })
      await store.retention.removeAudit(start + 4, 100)
      const database = new DatabaseSync(path)
      database.exec(statement)
      database.close()
      t.equal(await store.audit.verify(), bad)
    },
  )
}

t.test('what a cut-short removal has left over proves itself by the last hash that was to go', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const store = await openSqliteStore(path, { now: () => start + 100 })
  t.teardown(() => store.close())
  const event = { action: 'policy.loaded', actor: 'gateway', subject: 'digest', details: {} } as const
  for (let at = 1; at <= 8; at++) await store.audit.append({ at: start + at, ...event })
  t.equal(await store.retention.removeAudit(start + 6, 2), 2)
  t.equal(await store.audit.verify(), undefined)
  const database = new DatabaseSync(path)
  database.exec("update audit set actor = 'nobody' where sequence = 4")
  database.close()
  t.equal(await store.audit.verify(), 4)
})
