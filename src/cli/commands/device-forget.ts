import { defineCommand, type ExitCode } from '../command.ts'
import { noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const deviceForget = defineCommand({
  name: 'device forget',
  summary: 'Forget a device: it is unregistered, and has to register with evidence again.',
  details: 'Its open connections are cut within a second. The audit log keeps what was known.',
  args: [{ name: 'ID', description: 'r_…, as `gatehouse device list` shows it.' }],
  options: { why: whyOption },
  examples: [{ line: "device forget r_4k2m9x --why 'given back'", description: 'A phone was handed in' }],
  async run(context) {
    const by = actor(context, 'device forget')
    const id = context.args[0]!
    return withRecord<ExitCode>(context, async (store) => {
      const state = await store.registrations.forget(id, by)
      if (state === undefined) throw noSuchDevice(id)
      const { user, service } = state.registration
      context.out.show({ device: state }, () => `Forgot ${id} of ${user} (${service}).`)
      return 0
    })
  },
})
