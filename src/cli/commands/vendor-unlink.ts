import { defineCommand, type ExitCode } from '../command.ts'
import { noSuchDevice } from '../find-device.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const vendorUnlink = defineCommand({
  name: 'vendor unlink',
  summary: 'Take a link by hand back: the client is matched by its ids or its user again.',
  args: [{ name: 'ID', description: 'r_…, as `gatehouse device list` shows it.' }],
  options: { why: whyOption },
  examples: [{ line: "vendor unlink r_4k2m9x --why 'given back'", description: 'The phone was exchanged' }],
  async run(context) {
    const by = actor(context, 'vendor unlink')
    const id = context.args[0]!
    return withRecord<ExitCode>(context, async (store) => {
      if ((await store.registrations.get(id)) === undefined) throw noSuchDevice(id)
      const undone = await store.links.unlink(id, by)
      context.out.show({ id, undone }, () =>
        undone ? `${id} is matched again.` : `${id} was not linked: nothing to do.`,
      )
      return 0
    })
  },
})
