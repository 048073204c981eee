import { setTimeout as delay } from 'node:timers/promises'
import { runOnce } from '../../compliance/run-once.ts'
import type { Store, VendorSweep } from '../../store/ports.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { findVendor } from '../find-vendor.ts'
import { plural } from '../output.ts'
import { withRecord } from '../record.ts'

export const vendorPoll = defineCommand({
  name: 'vendor poll',
  summary: 'Read the whole fleet of one MDM system now, and apply what follows from it.',
  details: 'Where Gatehouse is running, it is asked to do so: two never ask one vendor at the same time.',
  args: [{ name: 'NAME', description: 'The vendor, by its name in the settings.' }],
  options: {},
  examples: [{ line: 'vendor poll intune', description: 'After a change in the MDM’s console' }],
  async run(context) {
    return withRecord<ExitCode>(context, async (store, settings) => {
      const vendor = findVendor(settings, context.args[0]!)
      const { name } = vendor.settings
      const began = context.system.now()
      await store.sweeps.requestPoll(name, began)
      await runOnce(vendor, { store, compliance: settings.compliance, now: context.system.now }, () =>
        sweptSince(store, name, began).then((sweep) => sweep !== undefined),
      )
      const sweep = await sweptSince(store, name, began)
      if (sweep === undefined)
        throw new CommandFailed(`${name} was not read in time; see: gatehouse vendor list`)
      const { counts, error } = sweep
      const held = await store.postures.heldCount(name)
      context.out.show({ sweep, held }, () => {
        const read = `${name}: ${plural(counts.devices, 'device')}, ${counts.changed} changed, ${counts.gone} gone, ${counts.unreadable} unreadable`
        const brake =
          held === 0 ? '' : `\n${plural(held, 'client')} held by the brake: gatehouse vendor confirm ${name}`
        return `${read}${error === undefined ? '' : `\n${error.code}: ${error.message}`}${brake}`
      })
      return error === undefined ? 0 : 1
    })
  },
})

async function sweptSince(store: Store, vendor: string, since: number): Promise<VendorSweep | undefined> {
  const [last] = await store.sweeps.list(vendor, 1)
  await delay(0)
  return last !== undefined && last.startedAt >= since ? last : undefined
}
