import { z } from 'zod'
import { commonKeys, type VendorCommon, vendorSection } from './common.ts'

/** What an enrolled device must be to be compliant. There is nobody to call: what is known of the devices stands in the record. */
export interface GatehouseSettings extends VendorCommon {
  readonly passcode: boolean
  readonly encryption: boolean
  readonly profiles: boolean
}

export const gatehouse = vendorSection({
  title: 'Gatehouse’s own enrollment',
  schema: z.strictObject({
    type: z.literal('gatehouse'),
    name: commonKeys.name.prefault('gatehouse').meta({
      description: 'What policies, logs and commands call it.',
    }),
    passcode: z.boolean().prefault(true).meta({
      description:
        'A device without a passcode, or with one that its rules do not allow, is out of compliance.',
    }),
    encryption: z
      .boolean()
      .prefault(true)
      .meta({ description: 'A device whose storage is not encrypted is out of compliance.' }),
    profiles: z
      .boolean()
      .prefault(true)
      .meta({ description: 'A device that lacks a profile with `required: true` is out of compliance.' }),
  }),
  build({ name, passcode, encryption, profiles }): GatehouseSettings {
    return { ...ownVendor(name), passcode, encryption, profiles }
  },
})

/** With everything asked for. */
export function ownVendor(name: string): GatehouseSettings {
  const nowhere = { url: new URL('gatehouse:record'), ca: [], timeout: 30_000 }
  return { name, ...nowhere, passcode: true, encryption: true, profiles: true }
}
