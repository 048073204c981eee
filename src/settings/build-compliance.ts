import type { KeyPath } from '../lib/yaml-document.ts'
import type { Mistake } from './mistake.ts'
import type { SecretReaders } from './secret.ts'
import type { WrittenCompliance } from './sections/compliance.ts'
import { VendorBuilder } from './sections/vendors/common.ts'
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
  /** As it stands in the file, with defaults; of a secret only where it is. */
  readonly written: WrittenCompliance
}

export function buildCompliance(
  written: WrittenCompliance,
  readers: SecretReaders,
  mistakes: Mistake[],
): ComplianceSettings {
  const path: KeyPath = ['compliance', 'vendors']
  const { aliases, vendors, ...same } = written
  const names = vendors.map(({ name }) => name)
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      mistakes.push({ path: [...path, index, 'name'], message: `there is a vendor ${name} already` })
  return {
    ...same,
    aliases: Object.entries(aliases).map(([name, others]) => [name, ...others]),
    vendors: vendors.map((vendor, index) =>
      buildVendor(vendor, new VendorBuilder(readers, [...path, index], mistakes)),
    ),
    written,
  }
}
