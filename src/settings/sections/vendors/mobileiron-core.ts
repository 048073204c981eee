import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl } from './common.ts'

export interface MobileironCoreSettings extends VendorCommon {
  readonly user: string
  readonly password: Secret
  readonly deviceSpace: string
  /** Devices a page. */
  readonly pageSize: number
  /** Fields of the list that are asked for beside the usual ones. */
  readonly fields: {
    readonly serial: string
    readonly udid: string
    readonly upn: string | undefined
    readonly easDeviceId: string | undefined
  }
}

export const mobileironCore = vendorSection({
  title: 'MobileIron Core / Ivanti EPMM',
  schema: z.strictObject({
    type: z.literal('mobileiron-core'),
    ...commonKeys,
    url: vendorUrl().meta({
      description:
        'The Core’s address, as the Admin Portal is opened with, without `/mifs`. A hosted Core (Connected Cloud) has the instance in its path.',
      examples: ['https://core.example.com'],
    }),
    user: name().meta({
      description:
        'A local user (Devices & Users > Users) with the admin role `API` (Admin > Admins > Assign to Space), which holds View dashboard, device page and device details.',
      examples: ['svc-gatehouse'],
    }),
    password: secretSource().meta({
      description: 'That user’s password.',
      examples: [{ env: 'MOBILEIRON_PASSWORD' }],
    }),
    deviceSpace: z
      .string()
      .regex(/^\d{1,12}$/, 'must be the number of a device space, such as "1"')
      .prefault('1')
      .meta({
        description:
          'The admin device space (Admin > Device Spaces) whose devices are read: `1` is the global one and holds all.',
      }),
    pageSize: z
      .int()
      .min(1)
      .max(1000)
      .prefault(200)
      .meta({ description: 'Devices a page. Releases differ in how many they allow; 200 is known to work.' }),
    serialField: name().prefault('common.SerialNumber').meta({
      description:
        'The field that holds the serial number; some releases spell it `common.Serialnumber` (Devices > Advanced Search lists the fields).',
    }),
    udidField: name().prefault('ios.iPhone UDID').meta({
      description:
        'The field that holds the UDID of Apple devices (Devices > Advanced Search lists the fields).',
    }),
    upnField: name()
      .exactOptional()
      .meta({
        description:
          'The field that holds the user’s principal name, where there is one (Devices > Advanced Search).',
        examples: ['user.upn'],
      }),
    easField: name()
      .exactOptional()
      .meta({
        description:
          'The field that holds the ActiveSync DeviceId, where there is one (Devices > Advanced Search).',
        examples: ['common.eas_id'],
      }),
  }),
  build(written, builder): MobileironCoreSettings {
    return {
      ...builder.common(written),
      user: written.user,
      password: builder.secret(written.password, 'password'),
      deviceSpace: written.deviceSpace,
      pageSize: written.pageSize,
      fields: {
        serial: written.serialField,
        udid: written.udidField,
        upn: written.upnField,
        easDeviceId: written.easField,
      },
    }
  },
})
