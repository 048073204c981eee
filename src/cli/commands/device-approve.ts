import { defineCommand, type ExitCode } from '../command.ts'
import { UsageError } from '../errors.ts'
import { isApproval, noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const deviceApprove = defineCommand({
  name: 'device approve',
  summary: 'Approve a waiting device: it registers when its user signs in the next time.',
  args: [{ name: 'ID', description: 'a_…, as `gatehouse device list --pending` shows it.' }],
  options: { why: whyOption },
  examples: [
    { line: "device approve a_7c1q3z --why 'contractor, ticket 4711'", description: 'Let a contractor in' },
  ],
  async run(context) {
    const by = actor(context, 'device approve')
    const id = context.args[0]!
    if (!isApproval(id))
      throw new UsageError(`${id} does not wait for approval: those ids begin with a_`, 'device approve')
    return withRecord<ExitCode>(context, async (store) => {
      const approval = await store.approvals.decide(id, 'granted', by)
      if (approval === undefined) throw noSuchDevice(id)
      const { user, service } = approval
      context.out.show(
        { approval },
        () => `Approved ${id}: ${user ?? 'whoever signs in on it'} may register it for ${service}.`,
      )
      return 0
    })
  },
})
