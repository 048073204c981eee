import { defineCommand, type ExitCode } from '../command.ts'
import { isApproval, noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const deviceBlock = defineCommand({
  name: 'device block',
  summary: 'Block a device: it is refused from now on, and its open connections are cut within a second.',
  details: 'A device that waits for approval is denied.',
  args: [{ name: 'ID', description: 'r_… of a registered device, a_… of a waiting one.' }],
  options: { why: whyOption },
  examples: [{ line: "device block r_4k2m9x --why 'lost in Lisbon'", description: 'A phone was lost' }],
  async run(context) {
    const by = actor(context, 'device block')
    const id = context.args[0]!
    return withRecord<ExitCode>(context, async (store) => {
      if (isApproval(id)) {
        const approval = await store.approvals.decide(id, 'denied', by)
        if (approval === undefined) throw noSuchDevice(id)
        context.out.show({ approval }, () => `Denied ${id}.`)
        return 0
      }
      const state = await store.registrations.block(id, by)
      if (state === undefined) throw noSuchDevice(id)
      const { user, service } = state.registration
      context.out.show({ device: state }, () => `Blocked ${id} of ${user} (${service}).`)
      return 0
    })
  },
})
