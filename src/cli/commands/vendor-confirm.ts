import { confirmHeld } from '../../compliance/held.ts'
import { aliasesOf } from '../../compliance/user-names.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { findVendor } from '../find-vendor.ts'
import { plural } from '../output.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const vendorConfirm = defineCommand({
  name: 'vendor confirm',
  summary: 'Say that what an MDM system reports is right: what the brake holds is applied now.',
  details:
    'A poll that would block very many clients at once is held (compliance.brake). Its next sweep within an\nhour may also find far fewer devices than before, or none.',
  args: [{ name: 'NAME', description: 'The vendor, by its name in the settings.' }],
  options: { why: whyOption },
  examples: [
    { line: "vendor confirm intune --why 'passcode policy, change 4711'", description: 'It was meant' },
  ],
  async run(context) {
    const by = actor(context, 'vendor confirm')
    return withRecord<ExitCode>(context, async (store, settings) => {
      const name = context.args[0]!
      // Of a connection that was taken out of the settings something may be held still.
      if ((await store.postures.heldCount(name)) === 0) findVendor(settings, name)
      const { whenGone, grace, surplus, maxSilence, aliases, vendors } = settings.compliance
      const applied = await confirmHeld(name, by, {
        ...{ record: store, whenGone, vendors: vendors.map((one) => one.settings.name) },
        rules: { grace, surplus, maxSilence, aliases: aliasesOf(aliases) },
      })
      context.out.show(
        { vendor: name, applied },
        () => `Confirmed ${name}: ${plural(applied, 'client')} blocked that had been held.`,
      )
      return 0
    })
  },
})
