import { existsSync } from 'node:fs'
import { describeLocation } from '../../store/location.ts'
import { migrateRecord, recordMigrationStatus } from '../../store/open.ts'
import { defineCommand } from '../command.ts'
import { UsageError } from '../errors.ts'
import { moveRecord } from '../move-record.ts'
import { plural } from '../output.ts'
import { readSettings } from '../settings-file.ts'

export const migrateCommand = defineCommand({
  name: 'migrate',
  summary: 'Bring the record to the form that this version needs, or move it to another database.',
  details:
    'Back the record up first. All steps are taken in one transaction, or none; the gateway takes them at its start as well.\nWith --from or --to the installation is moved: every table is copied, counted and compared. Stop the gateways\nbefore. A move that was interrupted continues when it is called again; no gateway opens half of one.',
  options: {
    status: { type: 'flag', description: 'Change nothing; exit 1 when steps are due.' },
    from: {
      type: 'text',
      value: 'STORE',
      description:
        'Move from here: sqlite:PATH or postgres://USER@HOST/DATABASE. Otherwise from the settings’ store.',
    },
    to: {
      type: 'text',
      value: 'STORE',
      description: 'Move to here, which must hold no installation. Otherwise to the settings’ store.',
    },
    'password-file': {
      type: 'text',
      value: 'PATH',
      description: 'The file with the password of the postgres:// address that is named.',
    },
    'password-env': {
      type: 'text',
      value: 'NAME',
      description: 'The environment variable with that password.',
    },
    'tls-ca': {
      type: 'list',
      value: 'PATH',
      description:
        'Encrypt, and verify that server’s certificate by this authority. May be given several times.',
    },
  },
  examples: [
    { line: 'migrate --status', description: 'Is the record up to date?' },
    { line: 'migrate', description: 'Take the steps that are due' },
    {
      line: 'migrate --from sqlite:/var/lib/gatehouse/gatehouse.db',
      description: 'Move an installation into the PostgreSQL that the settings name',
    },
    {
      line: 'migrate --to sqlite:/var/lib/gatehouse/copy.db',
      description: 'Move the installation of the settings into a new file',
    },
  ],
  async run(context) {
    const { out, options, system } = context
    const configured = () => readSettings(context).store
    if (options.from !== undefined || options.to !== undefined) {
      if (options.status) throw new UsageError('--status belongs to the steps, not to a move', 'migrate')
      return moveRecord(options, configured, { out, system })
    }
    const store = configured()
    const record = describeLocation(store)
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
