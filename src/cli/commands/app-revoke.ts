import type { AppDevices } from '../../store/ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { plural } from '../output.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const options = {
  'package-key': {
    type: 'text',
    value: 'ID',
    description: 'Every app whose last first contact was signed with this package key: it has leaked.',
  },
  why: whyOption,
} as const satisfies CommandOptions

export const appRevoke = defineCommand({
  name: 'app revoke',
  summary:
    'End the trust in the company app on a device: its key, its links, and the clients that it registered.',
  details: `The key speaks for nobody from then on and does not come back; the clients are blocked, and their open connections cut
within a second. The app on that device can make a new key and register anew, as long as it has a package key that counts:
take it from the device in the MDM as well. A client that is to go on is unblocked by itself: device unblock.`,
  args: [{ name: 'ID', description: 'd_… of `app list`; none with --package-key.', optional: true }],
  options,
  examples: [
    { line: "app revoke d_4k2mw8x1qa --why 'lost in Lisbon'", description: 'A phone was lost' },
    {
      line: "app revoke --package-key 2026-01 --why 'leaked'",
      description: 'After the key was taken out of the settings',
    },
  ],
  async run(context) {
    const by = actor(context, 'app revoke')
    const [id] = context.args
    const { 'package-key': packageKey } = context.options
    if ((id === undefined) === (packageKey === undefined))
      throw new UsageError('Give either an ID or --package-key', 'app revoke')
    const revoked = await withRecord(context, async ({ appDevices }) => {
      const found = []
      for await (const one of id === undefined ? ofPackageKey(appDevices, packageKey ?? '') : [id]) {
        const result = await appDevices.revoke(one, by)
        if (result === undefined) throw new CommandFailed(`There is no app ${one}: \`gatehouse app list\``)
        found.push(result)
      }
      return found
    })
    const blocked = revoked.reduce((sum, one) => sum + one.blocked.length, 0)
    context.out.show({ revoked }, () => {
      if (id !== undefined && revoked[0]?.device.revoked?.at !== by.at)
        return `${id} had been revoked already.`
      const what = id ?? plural(revoked.length, 'app')
      return `Revoked ${what}; ${plural(blocked, 'registration')} blocked.`
    })
    return 0
  },
})

/** In batches: each revocation is a transaction of its own, and a command that was broken off can be given again. */
async function* ofPackageKey(devices: AppDevices, packageKey: string): AsyncGenerator<string> {
  for (;;) {
    const batch = await devices.list({ packageKey, active: true, limit: 500 })
    if (batch.length === 0) return
    for (const { id } of batch) yield id
  }
}
