/** Moves an installation, as a process of its own, and prints each step. */
import { transferRecord } from '../../../src/store/transfer.ts'

const [from = '', to = ''] = process.argv.slice(2)
const { resumed } = await transferRecord(JSON.parse(from), JSON.parse(to), ({ table, rows }) => {
  process.stdout.write(`${table} ${rows}\n`)
})
process.stdout.write(`resumed ${resumed}\n`)
