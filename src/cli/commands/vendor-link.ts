import { defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { noSuchDevice } from '../find-device.ts'
import { findVendor } from '../find-vendor.ts'
import { actor, whyOption, withRecord } from '../record.ts'

export const vendorLink = defineCommand({
  name: 'vendor link',
  summary: 'Say which managed device a registered client runs on, where matching cannot tell.',
  details: 'The link wins over every match until `gatehouse vendor unlink`.',
  args: [
    { name: 'ID', description: 'r_…, as `gatehouse device list` shows it.' },
    { name: 'NAME', description: 'The vendor, by its name in the settings.' },
    { name: 'DEVICE', description: 'The device’s id at the vendor, as `gatehouse vendor test` shows it.' },
  ],
  options: { why: whyOption },
  examples: [
    { line: "vendor link r_4k2m9x intune 705c034c --why 'two equal phones'", description: 'Tell two apart' },
  ],
  async run(context) {
    const by = actor(context, 'vendor link')
    const [id, name, device] = context.args as [string, string, string]
    return withRecord<ExitCode>(context, async (store, settings) => {
      const vendor = findVendor(settings, name).settings.name
      const known = await store.managedDevices.get(vendor, device)
      if (known === undefined) throw new CommandFailed(`${vendor} has not reported a device ${device}`)
      if (!(await store.links.link(id, { vendor, vendorDeviceId: device }, by))) throw noSuchDevice(id)
      context.out.show({ id, vendor, device }, () => `Linked ${id} to ${device} of ${vendor}.`)
      return 0
    })
  },
})
