import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl } from './common.ts'

export interface MobileironCloudSettings extends VendorCommon {
  readonly user: string
  readonly password: Secret
  /** Devices a page. */
  readonly pageSize: number
}

export const mobileironCloud = vendorSection({
  title: 'MobileIron Cloud / Ivanti Neurons for MDM',
  schema: z.strictObject({
    type: z.literal('mobileiron-cloud'),
    ...commonKeys,
    url: vendorUrl().meta({
      description:
        'The address of the tenant’s cluster, as the administrator portal shows it in the browser.',
      examples: ['https://eu1.mobileiron.com'],
    }),
    user: name().meta({
      description:
        'An API user (Users > Add > API User) with the role Device Read Only, for all device spaces. Not one with the GDPR profile, which hides the ids.',
      examples: ['gatehouse@example.com'],
    }),
    password: secretSource().meta({
      description:
        'That user’s password. When the portal asks administrators for a PIN as well (Admin > Infrastructure > Portal Authentication), this sign-in does not work.',
      examples: [{ env: 'NEURONS_PASSWORD' }],
    }),
    pageSize: z
      .int()
      .min(1)
      .max(500, 'must be at most 500: the vendor refuses more')
      .prefault(500)
      .meta({ description: 'Devices a page; the vendor allows 500.' }),
  }),
  build(written, builder): MobileironCloudSettings {
    const { user, pageSize } = written
    return {
      ...builder.common(written),
      user,
      pageSize,
      password: builder.secret(written.password, 'password'),
    }
  },
})
