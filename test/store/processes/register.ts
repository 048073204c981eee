/** Registers clients one after the other, as a process of its own, and prints each id once it is committed. */
import { sha256 } from '../../../src/lib/hash.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { key, registration } from '../contract/values.ts'

const [path = '', name = '', count = '1'] = process.argv.slice(2)
const store = await openSqliteStore(path, { now: Date.now })
for (let n = 0; n < Number(count); n++) {
  const id = `r_${name}${n}`
  await store.registrations.register(registration(id, { user: name }), [key(sha256(id))], Number(count))
  process.stdout.write(`${id}\n`)
}
await store.close()
