import { describe } from '../../audit/describe.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { UsageError } from '../errors.ts'
import { withRecord } from '../record.ts'

export const auditCommand = defineCommand({
  name: 'audit',
  summary: 'Print the audit log: who did what to what, and why; or check that nobody has changed it.',
  options: {
    limit: {
      type: 'count',
      value: 'NUMBER',
      description: 'The most to print: 50 unless given, at most 1000.',
    },
    after: {
      type: 'count',
      value: 'NUMBER',
      description: 'Those after this number, the first word of a line; otherwise the newest.',
    },
    subject: { type: 'text', value: 'ID', description: 'Only what was done to this device or service.' },
    verify: {
      type: 'flag',
      description: 'Recompute the chain of hashes: exit 1 when a record does not fit.',
    },
  },
  examples: [
    { line: 'audit --subject r_4k2m9x', description: 'The history of one device' },
    { line: 'audit --verify', description: 'Has anybody changed the log?' },
  ],
  async run(context) {
    const { limit = 50, after, subject, verify } = context.options
    if (limit > 1000) throw new UsageError('--limit is at most 1000', 'audit')
    if (verify && (after !== undefined || subject !== undefined || context.options.limit !== undefined))
      throw new UsageError('--verify always checks the whole log; it goes with no other option', 'audit')
    return withRecord<ExitCode>(context, async (store) => {
      if (verify) {
        const bad = await store.audit.verify()
        context.out.show({ intact: bad === undefined, ...(bad !== undefined && { firstBad: bad }) }, () =>
          bad === undefined
            ? 'The audit log is intact: every record fits the one before.'
            : `The audit log was changed: record ${bad} does not fit. Compare it with a backup.`,
        )
        return bad === undefined ? 0 : 1
      }
      const records = await store.audit.list({
        limit,
        ...(after !== undefined && { after }),
        ...(subject !== undefined && { subject }),
      })
      context.out.show({ records }, () =>
        records.length === 0 ? 'No records.' : records.map(describe).join('\n'),
      )
      return 0
    })
  },
})
