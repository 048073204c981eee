import type { Actor } from '../../store/ports.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { UsageError } from '../errors.ts'
import { isApproval, noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const deviceApprove = defineCommand({
  name: 'device approve',
  summary: 'Approve a waiting device: it registers when its user signs in the next time.',
  details:
    'A registered device that is one more than its user has managed devices of its type (`compliance.surplus`)\nis let in all the same.',
  args: [
    {
      name: 'ID',
      description: 'a_…, as `gatehouse device list --pending` shows it; r_… of one device too many.',
    },
  ],
  options: { why: whyOption },
  examples: [
    { line: "device approve a_7c1q3z --why 'contractor, ticket 4711'", description: 'Let a contractor in' },
  ],
  async run(context) {
    const by = actor(context, 'device approve')
    const id = context.args[0]!
    if (!isApproval(id)) return approveSurplus(context, id, by)
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

async function approveSurplus(
  context: Parameters<typeof withRecord>[0],
  id: string,
  by: Actor,
): Promise<ExitCode> {
  return withRecord<ExitCode>(context, async (store) => {
    const state = await store.registrations.get(id)
    if (state === undefined) throw noSuchDevice(id)
    if (state.posture.surplus === undefined)
      throw new UsageError(
        `${id} does not wait for approval, and is not one device too many`,
        'device approve',
      )
    await store.links.approveSurplus(id, by)
    const { user, service } = state.registration
    context.out.show({ device: state }, () => `Approved ${id}: ${user} may use it for ${service}.`)
    return 0
  })
}
