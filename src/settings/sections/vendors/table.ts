/**
 * The settings of connections to MDM vendors, one file a vendor: `vendors: [{ name: …, type: intune, … }]`. Each file
 * has type, default, description and example of every key, and says how the connector gets them (secrets and files
 * read); the connectors themselves are in `compliance/connectors/`.
 */
import { z } from 'zod'
import { blackberry } from './blackberry.ts'
import type { VendorBuilder } from './common.ts'
import { fleet } from './fleet.ts'
import { gatehouse } from './gatehouse.ts'
import { generic } from './generic.ts'
import { intune } from './intune.ts'
import { jamf } from './jamf.ts'
import { maas360 } from './maas360.ts'
import { mobileironCloud } from './mobileiron-cloud.ts'
import { mobileironCore } from './mobileiron-core.ts'
import { workspaceOne } from './workspace-one.ts'
import { xenmobile } from './xenmobile.ts'

export const vendorSections = {
  'workspace-one': workspaceOne,
  'mobileiron-core': mobileironCore,
  'mobileiron-cloud': mobileironCloud,
  maas360,
  xenmobile,
  blackberry,
  fleet,
  gatehouse,
  generic,
  intune,
  jamf,
}

type VendorSections = typeof vendorSections
export type VendorType = keyof VendorSections

/** A connection's settings, ready for its connector. */
export type VendorConnection = {
  [Type in VendorType]: { readonly type: Type; readonly settings: ReturnType<VendorSections[Type]['build']> }
}[VendorType]

/** One connection as it is written. */
export const vendorSchema = z.discriminatedUnion('type', [
  workspaceOne.schema,
  mobileironCore.schema,
  mobileironCloud.schema,
  maas360.schema,
  xenmobile.schema,
  blackberry.schema,
  fleet.schema,
  gatehouse.schema,
  generic.schema,
  intune.schema,
  jamf.schema,
])

export type WrittenVendor = z.output<typeof vendorSchema>

export function buildVendor(written: WrittenVendor, builder: VendorBuilder): VendorConnection {
  const build = vendorSections[written.type].build as (
    written: WrittenVendor,
    builder: VendorBuilder,
  ) => VendorConnection['settings'] // the table gives each type its own builder
  return { type: written.type, settings: build(written, builder) } as VendorConnection
}
