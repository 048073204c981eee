import type { KeyPath } from '../lib/yaml-document.ts'
import type { ListenAddress } from './listen-address.ts'
import type { Mistake } from './mistake.ts'
import { readSecret, type Secret, type SecretReaders } from './secret.ts'
import type { WrittenCompliance } from './sections/compliance.ts'
import { VendorBuilder } from './sections/vendors/common.ts'
import { ownVendor } from './sections/vendors/gatehouse.ts'
import { buildVendor, type VendorConnection } from './sections/vendors/table.ts'

/** How MDM systems are asked, and what follows from what they say. Times in milliseconds, shares from 0 to 1. */
export interface ComplianceSettings {
  readonly interval: number
  readonly askAgain: number
  readonly brake: { readonly maxNewlyBlocked: number; readonly atLeast: number }
  readonly smallestSweep: number
  readonly maxSilence?: number
  readonly grace: 'allow' | 'refuse'
  readonly surplus: 'refuse' | 'approve' | 'allow'
  readonly whenGone: 'keep' | 'block' | 'forget'
  /** Each a list of names of one person. */
  readonly aliases: readonly (readonly string[])[]
  readonly vendors: readonly VendorConnection[]
  /** The listener for vendors' notifications; undefined: there is none. */
  readonly webhooks?: WebhookListenerSettings
  /** As it stands in the file, with defaults; of a secret only where it is. */
  readonly written: WrittenCompliance
}

export interface WebhookListenerSettings {
  readonly listen: ListenAddress
  readonly tls?: { readonly cert: string; readonly key: string; readonly passphrase?: Secret }
  /** Without a slash at its end. */
  readonly publicUrl?: string
  readonly perMinute: number
}

/** @param enrolls devices are enrolled here as well: then Gatehouse is one more vendor, whether it is named or not */
export function buildCompliance(
  written: WrittenCompliance,
  readers: SecretReaders,
  mistakes: Mistake[],
  enrolls = false,
): ComplianceSettings {
  const path: KeyPath = ['compliance', 'vendors']
  const { aliases, vendors, webhooks, ...same } = written
  const names = vendors.map(({ name }) => name)
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      mistakes.push({ path: [...path, index, 'name'], message: `there is a vendor ${name} already` })
  const connections = vendors.map((vendor, index) =>
    buildVendor(vendor, new VendorBuilder(readers, [...path, index], mistakes)),
  )
  for (const [index, { settings }] of connections.entries())
    if (settings.webhook !== undefined && webhooks === undefined)
      mistakes.push({
        path: [...path, index, 'webhook'],
        message: 'is never used: there is no listener, `compliance.webhooks`',
      })
  return {
    ...same,
    aliases: Object.entries(aliases).map(([name, others]) => [name, ...others]),
    vendors: enrolls ? withOwn(connections) : connections,
    ...(webhooks && { webhooks: buildWebhooks(webhooks, readers, mistakes) }),
    written,
  }
}

/** Vendors are named by administrators; this one calls itself, unless one of theirs has its name. */
function withOwn(vendors: readonly VendorConnection[]): readonly VendorConnection[] {
  if (vendors.some(({ type }) => type === 'gatehouse')) return vendors
  const taken = vendors.some(({ settings }) => settings.name === 'gatehouse')
  return [
    ...vendors,
    { type: 'gatehouse', settings: ownVendor(taken ? 'gatehouse-enrollment' : 'gatehouse') },
  ]
}

function buildWebhooks(
  { listen, tls, publicUrl, perMinute }: NonNullable<WrittenCompliance['webhooks']>,
  readers: SecretReaders,
  mistakes: Mistake[],
): WebhookListenerSettings {
  const passphrase = tls?.passphrase === undefined ? undefined : readSecret(tls.passphrase, readers)
  if (typeof passphrase === 'string')
    mistakes.push({ path: ['compliance', 'webhooks', 'tls', 'passphrase'], message: passphrase })
  return {
    listen,
    perMinute,
    ...(publicUrl && { publicUrl: publicUrl.origin }),
    ...(tls && {
      tls: {
        cert: readers.resolve(tls.cert),
        key: readers.resolve(tls.key),
        ...(typeof passphrase === 'object' && { passphrase }),
      },
    }),
  }
}
