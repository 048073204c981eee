import { existsSync } from 'node:fs'
import { describeLocation } from '../../store/location.ts'
import { migrateRecord, recordMigrationStatus } from '../../store/open.ts'
import { defineCommand } from '../command.ts'
import { plural } from '../output.ts'
import { readSettings } from '../settings-file.ts'

export const migrateCommand = defineCommand({
  name: 'migrate',
  summary: 'Bring the record to the form that this version needs; the gateway does so at its start as well.',
  details: 'Back the record up first. All steps are taken in one transaction, or none.',
  options: {
    status: { type: 'flag', description: 'Change nothing; exit 1 when steps are due.' },
  },
  examples: [
    { line: 'migrate --status', description: 'Is the record up to date?' },
    { line: 'migrate', description: 'Take the steps that are due' },
  ],
  async run(context) {
    const { store } = readSettings(context)
    const record = describeLocation(store)
    const { out, options } = context
    if (options.status && store.kind === 'sqlite' && !existsSync(store.path)) {
      out.show(
        { record, exists: false },
        () => `There is no record at ${record} yet: gatehouse migrate makes it`,
      )
      return 1
    }
    if (options.status) {
      const { applied, pending } = await recordMigrationStatus(store)
      out.show({ record, applied, pending }, () =>
        [
          `Record: ${record}`,
          ...applied.map((step) => `  applied  ${step}`),
          ...pending.map((step) => `  pending  ${step}`),
          pending.length === 0 ? 'Up to date.' : `${plural(pending.length, 'step')} due: gatehouse migrate`,
        ].join('\n'),
      )
      return pending.length === 0 ? 0 : 1
    }
    const taken = await migrateRecord(store)
    out.show({ record, taken }, () =>
      taken.length === 0 ? 'Up to date: nothing to do.' : `Taken: ${taken.join(', ')}`,
    )
    return 0
  },
})
