import { type CommandOptions, defineCommand } from '../command.ts'
import { findEnrollment } from '../find-enrollment.ts'
import { plural } from '../output.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const options = { why: whyOption } as const satisfies CommandOptions

export const enrollRemove = defineCommand({
  name: 'enroll remove',
  summary: 'End the trust in an enrolled device, and have it remove its management.',
  details: [
    'At once, whether the device can be reached or not: its certificates are revoked, its registrations are',
    'blocked, its open connections are cut, its commands are taken back. It is woken, and told to remove the',
    'management profile with everything that came by it. Its record stays. To erase it, do that first:',
    '`device command ID EraseDevice`.',
  ].join('\n'),
  args: [{ name: 'ID', description: 'The enrollment, by its id in `enroll list` or by its serial number.' }],
  options,
  examples: [
    { line: "enroll remove F2LX0001 --why 'Ann has left'", description: 'A device that is given back' },
  ],
  async run(context) {
    const by = actor(context, 'enroll remove')
    const { ended, already } = await withRecord(context, async (store) => {
      const { id, state } = await findEnrollment(store, context.args[0] ?? '')
      const already = state === 'leaving' || state === 'gone'
      return { already, ended: await store.enrollments.end(id, 'leaving', by) }
    })
    context.out.show(ended, () => {
      const { enrollment, blocked = [], revoked = [] } = ended ?? {}
      if (already) return `${enrollment?.id} had been removed already: it is ${enrollment?.state}.`
      const done = `${plural(revoked.length, 'certificate')} revoked, ${plural(blocked.length, 'registration')} blocked`
      return `${enrollment?.id} is not trusted any more: ${done}. It is told to leave when it comes.`
    })
    return 0
  },
})
