import { existsSync } from 'node:fs'
import t from 'tap'
import { clientProtocols } from '../../src/clients/table.ts'
import { clientKinds } from '../../src/domain/service.ts'
import { clientContract } from './contract/client-contract.ts'
import { settingsOf } from './helpers/settings-of.ts'

t.test('table and folder agree', async (t) => {
  t.strictSame(Object.keys(clientProtocols).sort(), [...clientKinds].sort())
  for (const kind of clientKinds) {
    t.ok(existsSync(new URL(`../../src/clients/${kind}.ts`, import.meta.url)), `${kind}.ts`)
    t.equal(settingsOf(kind).kind, kind)
  }
})

for (const kind of clientKinds) {
  t.test(`${kind} keeps to the contract of client protocols`, (t) => clientContract(t, kind))
}
