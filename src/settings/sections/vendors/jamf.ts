import { z } from 'zod'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl, webhookKey } from './common.ts'
import { signInOf, type VendorSignIn } from './parts/sign-in.ts'

export interface JamfSettings extends VendorCommon {
  readonly auth: VendorSignIn
  /** Devices a page. */
  readonly pageSize: number
  readonly noncompliantGroup: string
  readonly query: Readonly<Record<string, string>>
}

const schema = z.strictObject({
  type: z.literal('jamf'),
  ...commonKeys,
  ...webhookKey(
    '*Settings* > *Global* > *Webhooks*: the address `…/notify/NAME`, content type JSON, Basic authentication with this user and password.',
  ),
  url: vendorUrl().meta({
    description: 'Jamf Pro’s address, as its console is opened with.',
    examples: ['https://example.jamfcloud.com'],
  }),
  clientId: name()
    .exactOptional()
    .meta({
      description:
        'An API client (Settings > System > API roles and clients) with a role that holds Read Mobile Devices and Read Smart Mobile Device Groups. From Jamf Pro 10.49.',
      examples: ['7d3c0000-0000-4000-8000-000000000000'],
    }),
  clientSecret: secretSource().exactOptional().meta({ description: 'That API client’s secret.' }),
  user: name().exactOptional().meta({
    description:
      'For older versions: a user account with the same two permissions (Settings > User accounts and groups).',
  }),
  password: secretSource().exactOptional().meta({ description: 'That user’s password.' }),
  noncompliantGroup: z
    .string()
    .regex(/^\d{1,9}$/, 'must be the number of a group, such as "17"')
    .meta({
      description:
        'The smart group of mobile devices that are out of compliance, by its number: Devices > Smart Device Groups > the group; the address ends with `id=17`. Jamf Pro has no verdict of its own: this group’s criteria are it.',
      examples: ['17'],
    }),
  pageSize: z.int().min(1).max(2000).prefault(100).meta({ description: 'Devices a page.' }),
  query: z
    .record(z.string().regex(/^[\w.-]{1,64}$/), z.string().max(256))
    .prefault({})
    .meta({
      description:
        'Further query parameters of the list of devices, such as the one of your version that makes it lenient about records that it cannot read.',
    }),
})

export const jamf = vendorSection({
  title: 'Jamf Pro',
  schema,
  build(written, builder): JamfSettings {
    const { noncompliantGroup, pageSize, query } = written
    return {
      ...builder.common(written),
      auth: signInOf(written, builder, {
        needs: 'needs `clientId` and `clientSecret`, or `user` and `password`',
      }),
      noncompliantGroup,
      pageSize,
      query,
    }
  },
})
