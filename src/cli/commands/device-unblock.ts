import { defineCommand, type ExitCode } from '../command.ts'
import { noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const deviceUnblock = defineCommand({
  name: 'device unblock',
  summary: 'End the block of a device: the policy decides about it again.',
  args: [{ name: 'ID', description: 'r_…, as `gatehouse device list --blocked` shows it.' }],
  options: { why: whyOption },
  examples: [{ line: "device unblock r_4k2m9x --why 'found again'", description: 'The phone was found' }],
  async run(context) {
    const by = actor(context, 'device unblock')
    const id = context.args[0]!
    return withRecord<ExitCode>(context, async (store) => {
      const before = await store.registrations.get(id)
      if (before !== undefined && before.block === undefined) {
        context.out.show({ device: before }, () => `${id} was not blocked: nothing to do.`)
        return 0
      }
      const state = await store.registrations.unblock(id, by)
      if (state === undefined) throw noSuchDevice(id)
      const { user, service } = state.registration
      context.out.show({ device: state }, () => `Unblocked ${id} of ${user} (${service}).`)
      return 0
    })
  },
})
