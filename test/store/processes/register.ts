/** Registers clients one after the other, as a process of its own, and prints each id once it is committed. */
import { sha256 } from '../../../src/lib/hash.ts'
import type { StoreLocation } from '../../../src/store/location.ts'
import { openStore } from '../../../src/store/open.ts'
import { key, registration } from '../contract/values.ts'

const [where = '', name = '', count = '1', limit = count] = process.argv.slice(2)
const location: StoreLocation = where.startsWith('{') ? JSON.parse(where) : { kind: 'sqlite', path: where }
const store = await openStore(location, { now: Date.now })
for (let n = 0; n < Number(count); n++) {
  const id = `r_${name}${process.pid}_${n}`
  const user = registration(id, { user: name })
  const { outcome } = await store.registrations.register(user, [key(sha256(id))], Number(limit))
  if (outcome === 'registered') process.stdout.write(`${id}\n`)
}
await store.close()
