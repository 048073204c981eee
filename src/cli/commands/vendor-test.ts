import { VendorError, type VendorPage } from '../../compliance/connectors/connector.ts'
import { openConnector, vendorTitle } from '../../compliance/connectors/table.ts'
import { keysOfDevice } from '../../compliance/device-record.ts'
import { matchRegistration } from '../../compliance/match.ts'
import { aliasesOf } from '../../compliance/user-names.ts'
import { verdictOf } from '../../compliance/verdict.ts'
import type { ManagedDevice } from '../../domain/managed-device.ts'
import type { Settings } from '../../settings/settings.ts'
import type { Store } from '../../store/ports.ts'
import { defineCommand, type ExitCode } from '../command.ts'
import { findVendor } from '../find-vendor.ts'
import { table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  limit: { type: 'count', value: 'NUMBER', description: 'The most devices to print: 20 unless given.' },
} as const

export const vendorTest = defineCommand({
  name: 'vendor test',
  summary: 'Sign in at an MDM system, read one page, and show what it would map to what. Changes nothing.',
  args: [{ name: 'NAME', description: 'The vendor, by its name in the settings.' }],
  options,
  examples: [{ line: 'vendor test intune', description: 'Are address, credentials and rights right?' }],
  async run(context) {
    return withRecord<ExitCode>(context, async (store, settings) => {
      const vendor = findVendor(settings, context.args[0]!)
      const opened = openConnector(vendor, { now: context.system.now, random: Math.random, fleet: store })
      try {
        const page = await firstPage(opened.connector.sweep(AbortSignal.timeout(300_000)))
        const shown = page.devices.slice(0, context.options.limit ?? 20)
        const devices = await Promise.all(shown.map((device) => describe(device, store, settings)))
        const { total, unreadable } = page
        context.out.show({ vendor: opened.name, devices, total, unreadable }, () => {
          const all = total === undefined ? '' : ` of ${total}`
          const broken =
            unreadable === undefined
              ? ''
              : `\n${unreadable.count} records could not be read: ${unreadable.reason}`
          return `${vendorTitle(vendor.type)} answers. ${shown.length} devices${all} of its first page:\n${deviceTable(devices)}${broken}`
        })
        return 0
      } catch (error) {
        if (!(error instanceof VendorError)) throw error
        context.out.show(
          { vendor: opened.name, error: { code: error.code, message: error.message } },
          () => `${opened.name}: ${error.code}: ${error.message}`,
        )
        return 1
      } finally {
        await opened.close()
      }
    })
  },
})

async function firstPage(pages: AsyncIterable<VendorPage>): Promise<VendorPage> {
  for await (const page of pages) return page
  return { devices: [] }
}

type Described = Awaited<ReturnType<typeof describe>>

/** As the compliance role would see it, on its own: other devices of the same user may make a match ambiguous. */
async function describe(device: ManagedDevice, store: Store, { compliance }: Settings) {
  const now = Date.now()
  const rules = { grace: compliance.grace, maxSilence: compliance.maxSilence }
  const aliases = aliasesOf(compliance.aliases)
  const registrations = await store.postures.find({ keys: keysOfDevice(device) })
  const matches = registrations.flatMap(({ registration }) => {
    const { match } = matchRegistration(registration, [device], { aliases, now })
    return match === 'none' ? [] : [{ id: registration.id, match }]
  })
  return { device, verdict: verdictOf(device, rules, now), matches }
}

function deviceTable(devices: readonly Described[]): string {
  return table(
    ['device', 'user', 'platform', 'version', 'management', 'compliance', 'counts as', 'clients'],
    devices.map(({ device, verdict, matches }) => [
      device.vendorDeviceId,
      device.user.upn ?? device.user.email ?? device.user.name,
      device.platform,
      device.osVersion,
      device.management,
      device.compliance,
      verdict.reason === undefined ? verdict.state : `${verdict.state} (${verdict.reason})`,
      matches.map(({ id, match }) => `${id} (${match})`).join(', ') || undefined,
    ]),
  )
}
