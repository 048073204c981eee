import { enrollmentStates } from '../../domain/enrollment.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { enrollmentTable } from '../enrollment-text.ts'
import { UsageError } from '../errors.ts'
import { withRecord } from '../record.ts'

const options = {
  state: { type: 'text', value: 'STATE', oneOf: enrollmentStates, description: 'Only those in this state.' },
  user: { type: 'text', value: 'NAME', description: 'Only devices of this user.' },
  limit: { type: 'count', value: 'NUMBER', description: 'The most to print: 50 unless given, at most 1000.' },
  after: { type: 'text', value: 'ID', description: 'Continue after this one, the last of the page before.' },
} as const satisfies CommandOptions

const most = 1000

export const enrollList = defineCommand({
  name: 'enroll list',
  summary: 'List enrolled Apple devices and the channels of their users, by id.',
  options,
  examples: [
    { line: 'enroll list --user anna', description: 'Which devices Anna has enrolled' },
    {
      line: 'enroll list --state leaving',
      description: 'Which devices have not come since they were removed',
    },
  ],
  async run(context) {
    const { limit = 50, state, user, after } = context.options
    if (limit > most) throw new UsageError(`--limit is at most ${most}`, 'enroll list')
    const known = enrollmentStates.find((one) => one === state)
    const { found, counts } = await withRecord(context, async ({ enrollments }) => ({
      counts: await enrollments.counts(),
      found: await enrollments.list({
        limit,
        ...(known !== undefined && { state: known }),
        ...(user !== undefined && { user: user.toLowerCase() }),
        ...(after !== undefined && { after }),
      }),
    }))
    const last = found.length < limit ? undefined : found.at(-1)?.id
    context.out.show({ enrollments: found, counts, ...(last !== undefined && { after: last }) }, () => {
      if (found.length === 0) return 'No enrollments.'
      const more = last === undefined ? '' : `\n\nThere may be more: add --after ${last}`
      return `${enrollmentTable(found)}${more}`
    })
    return 0
  },
})
