import { vendorTitle } from '../../compliance/connectors/table.ts'
import type { VendorConnection } from '../../settings/sections/vendors/table.ts'
import type { Store, VendorSweep } from '../../store/ports.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

export const vendorList = defineCommand({
  name: 'vendor list',
  summary: 'List the MDM systems: when each was read last, what it has, and what is wrong.',
  options: {},
  examples: [{ line: 'vendor list', description: 'Are all MDM systems being read?' }],
  async run(context) {
    return withRecord<ExitCode>(context, async (store, { compliance }) => {
      const vendors = await Promise.all(
        compliance.vendors.map((vendor) => stateOf(vendor, store, compliance.webhooks?.publicUrl)),
      )
      context.out.show({ vendors }, () => {
        if (vendors.length === 0) return 'No MDM system is connected: see compliance.vendors in the settings.'
        const listed = table(
          ['name', 'product', 'devices', 'read completely', 'held', 'state'],
          vendors.map(({ name, product, devices, readAt, held, error }) => [
            name,
            product,
            String(devices),
            readAt === undefined ? 'never' : localTime(readAt),
            String(held),
            stateText(readAt, error),
          ]),
        )
        const addresses = vendors.flatMap(({ name, notifyAt }) =>
          notifyAt === undefined ? [] : [`${name} sends its notifications to ${notifyAt}`],
        )
        return [listed, ...addresses].join('\n')
      })
      return 0
    })
  },
})

async function stateOf(
  { type, settings: { name, webhook } }: VendorConnection,
  store: Store,
  publicUrl: string | undefined,
) {
  const [last] = await store.sweeps.list(name, 1)
  return {
    name,
    type,
    product: vendorTitle(type),
    devices: await store.managedDevices.count(name),
    readAt: (await store.sweeps.lastComplete()).get(name),
    held: await store.postures.heldCount(name),
    ...(last?.error && { error: last.error }),
    ...(webhook && publicUrl !== undefined && { notifyAt: `${publicUrl}/notify/${name}` }),
  }
}

function stateText(readAt: number | undefined, error: VendorSweep['error']): string {
  if (error !== undefined) return `${error.code}: ${error.message}`
  return readAt === undefined ? 'not read yet' : 'good'
}
