import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { said } from '../values.ts'
import { commonKeys, type VendorCommon, vendorSection, vendorUrl, webhookKey } from './common.ts'

export interface FleetSettings extends VendorCommon {
  readonly token: Secret
  /** Hosts a page. */
  readonly pageSize: number
  /** The policies that make compliance; `all`: the count of those that fail. */
  readonly policies: 'all' | readonly string[]
}

const policy = z.string().regex(/^\d{1,9}$/, 'must be the number of a policy, such as "3"')
const policiesSentence = 'must be `all`, or a list of the numbers of policies, such as ["3", "7"]'

export const fleet = vendorSection({
  title: 'Fleet',
  schema: z.strictObject({
    type: z.literal('fleet'),
    ...commonKeys,
    ...webhookKey(
      '*Policies* > *Manage automations* > *Other*: the destination is `…/notify/NAME/SECRET`, since Fleet does not sign in.',
    ),
    url: vendorUrl().meta({
      description: 'Fleet’s address, as its console is opened with.',
      examples: ['https://fleet.example.com'],
    }),
    token: secretSource().meta({
      description:
        'The token of an API-only user with the role Observer: `fleetctl user create --api-only --global-role observer` prints it. It does not end by itself.',
      examples: [{ env: 'FLEET_TOKEN' }],
    }),
    policies: z
      .union([z.literal('all'), z.array(policy).min(1).max(20)], { error: said(policiesSentence) })
      .meta({
        description:
          'The policies that a device must pass, by number (Policies > the policy; the address ends with it): one that it has not answered leaves it unknown. `all`: a device is compliant when it fails none, also one that no policy looked at.',
        examples: [['3', '7'], 'all'],
      }),
    pageSize: z.int().min(1).max(500).prefault(100).meta({ description: 'Hosts a page.' }),
  }),
  build({ token, pageSize, policies, ...written }, builder): FleetSettings {
    return { ...builder.common(written), token: builder.secret(token, 'token'), pageSize, policies }
  },
})
