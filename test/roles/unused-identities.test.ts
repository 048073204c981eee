import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { revokeUnusedIdentities, unusedAfter } from '../../src/roles/unused-identities.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'
import { certificate } from '../store/contract/certificates.ts'
import { start } from '../store/contract/values.ts'

t.test(
  'an identity that was fetched a day ago and never enrolled is revoked, and the log says so',
  async (t) => {
    const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => start })
    t.teardown(() => store.close())
    const at = start - unusedAfter
    for (let index = 0; index < 250; index++)
      await store.certificates.issue(certificate(`A${index}`, { enrollment: `p_${index}`, issuedAt: at }), {
        name: 'scep',
        at,
      })
    await store.certificates.issue(certificate('B1', { enrollment: 'p_b', issuedAt: at + 1 }), {
      name: 'scep',
      at,
    })
    const lines: Record<string, unknown>[] = []
    const working = revokeUnusedIdentities({
      store,
      holder: 'a',
      now: () => start,
      logger: pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    })
    t.teardown(() => working.close())
    await eventually(() => lines.length === 250)
    t.match(await store.certificates.bySerial('A7'), {
      revoked: { by: 'enrollment', why: 'no device has enrolled with it within a day', at: start },
    })
    t.equal((await store.certificates.bySerial('B1'))?.revoked, undefined, 'its day is not over')
    t.match(await store.leases.list(), [{ name: 'unused-identities', holder: 'a' }])
    await working.close()
    t.strictSame(await store.leases.list(), [], 'given back when the process stops')
  },
)
