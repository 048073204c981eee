import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl, webhookKey } from './common.ts'
import { type ClientSignIn, type PasswordSignIn, signInOf } from './parts/sign-in.ts'

export interface WorkspaceOneSettings extends VendorCommon {
  readonly signIn: PasswordSignIn | (ClientSignIn & { readonly tokenUrl: URL })
  /** The API key, `aw-tenant-code`; always there for a user. */
  readonly tenantCode: Secret | undefined
  readonly organizationGroup: string | undefined
  /** Devices a page. */
  readonly pageSize: number
}

export const workspaceOne = vendorSection({
  title: 'Omnissa (VMware) Workspace ONE UEM / AirWatch',
  schema: z.strictObject({
    type: z.literal('workspace-one'),
    ...commonKeys,
    ...webhookKey(
      '*Groups & Settings* > *All Settings* > *System* > *Advanced* > *API* > *Event Notifications*: the target URL is `…/notify/NAME`, with this user and password.',
    ),
    url: vendorUrl().meta({
      description:
        'The REST API’s address (Groups & Settings > All Settings > System > Advanced > Site URLs > REST API URL), without `/API`. A console at cn1234.awmdm.com has its API at as1234.awmdm.com.',
      examples: ['https://as1234.awmdm.com'],
    }),
    user: name()
      .exactOptional()
      .meta({
        description:
          'To sign in with a password: an administrator (Accounts > Administrators) whose role may read devices through the API (REST > Devices, Read). Its password ends as those of all administrators do.',
        examples: ['svc-gatehouse'],
      }),
    password: secretSource()
      .exactOptional()
      .meta({ description: 'That administrator’s password.', examples: [{ env: 'WS1_PASSWORD' }] }),
    tenantCode: secretSource()
      .exactOptional()
      .meta({
        description:
          'The API key that belongs to the user (Groups & Settings > All Settings > System > Advanced > API > REST API).',
        examples: [{ env: 'WS1_TENANT_CODE' }],
      }),
    tokenUrl: vendorUrl()
      .exactOptional()
      .meta({
        description:
          'To sign in with OAuth: the token address of the region: `na`, `emea`, `apac` or `uat` of `uemauth.vmwservices.com`.',
        examples: ['https://emea.uemauth.vmwservices.com/connect/token'],
      }),
    clientId: name()
      .exactOptional()
      .meta({
        description: 'The client (Groups & Settings > Configurations > OAuth Client Management).',
        examples: ['a1b2c3d4e5f6'],
      }),
    clientSecret: secretSource()
      .exactOptional()
      .meta({
        description: 'The secret of that client, shown once when it is made.',
        examples: [{ env: 'WS1_CLIENT_SECRET' }],
      }),
    organizationGroup: z
      .string({ error: 'must be the number of an organisation group in quotes, such as "571"' })
      .regex(/^\d{1,12}$/, 'must be the number of an organisation group in quotes, such as "571"')
      .exactOptional()
      .meta({
        description:
          'Only devices of this organisation group and those below it: the number in the address of its page in the console.',
        examples: ['571'],
      }),
    pageSize: z
      .int()
      .min(1)
      .max(1000)
      .prefault(500)
      .meta({ description: 'Devices a page; 500 is known to work.' }),
  }),
  build(written, builder): WorkspaceOneSettings {
    const { url, tenantCode, tokenUrl, clientSecret, organizationGroup, pageSize } = written
    const signIn = signInOf(written, builder, {
      needs: 'needs `user`, `password` and `tenantCode`, or `tokenUrl`, `clientId` and `clientSecret`',
      isComplete: (kind) =>
        kind === 'client'
          ? tokenUrl !== undefined
          : tenantCode !== undefined && tokenUrl === undefined && clientSecret === undefined,
    })
    return {
      ...builder.common(written),
      signIn: signIn.kind === 'client' ? { ...signIn, tokenUrl: tokenUrl ?? url } : signIn,
      tenantCode: builder.optionalSecret(tenantCode, 'tenantCode'),
      organizationGroup,
      pageSize,
    }
  },
})
