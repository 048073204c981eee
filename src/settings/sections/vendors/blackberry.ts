import { z } from 'zod'
import { secretSource } from '../secret.ts'
import {
  commonKeys,
  name,
  type VendorBuilder,
  type VendorCommon,
  vendorSection,
  vendorUrl,
} from './common.ts'
import { type ClientSignIn, type PasswordSignIn, signInOf } from './parts/sign-in.ts'

export interface BlackBerrySettings extends VendorCommon {
  readonly auth: BlackBerryAuth
  /** Devices or users a page. */
  readonly pageSize: number
  /** Requests for users' devices at a time. */
  readonly concurrency: number
  readonly unmanagedTypes: readonly string[]
}

export type BlackBerryAuth =
  | (ClientSignIn & { readonly tokenUrl: URL })
  | (PasswordSignIn & { readonly provider: 'LOCAL' | 'AD'; readonly domain?: string })

const schema = z.strictObject({
  type: z.literal('blackberry'),
  ...commonKeys,
  url: vendorUrl().meta({
    description:
      'The web services with the tenant, without `/api/v1`: host and port (18084 on premises), then the tenant’s id (Settings > Licensing > SRP ID).',
    examples: ['https://uem.example.com:18084/S12345678'],
  }),
  clientId: name()
    .exactOptional()
    .meta({
      description:
        'For UEM Cloud: the OAuth client that was registered for Gatehouse (Settings > External integration > Web services access).',
      examples: ['gatehouse'],
    }),
  clientSecret: secretSource().exactOptional().meta({ description: 'That client’s secret.' }),
  tokenUrl: vendorUrl()
    .exactOptional()
    .meta({
      description: 'Where that client’s tokens are issued.',
      examples: ['https://idp.blackberry.com/op/tenant/S12345678/token'],
    }),
  user: name()
    .exactOptional()
    .meta({
      description:
        'For UEM on premises: an administrator (Settings > Administrators) whose role may view users and devices, nothing more.',
      examples: ['svc-gatehouse'],
    }),
  password: secretSource().exactOptional().meta({ description: 'That administrator’s password.' }),
  provider: z.enum(['LOCAL', 'AD']).prefault('LOCAL').meta({
    description: 'Who knows that administrator: UEM itself, or the directory.',
  }),
  domain: name().exactOptional().meta({ description: 'The directory’s domain, for `provider: AD`.' }),
  pageSize: z.int().min(1).max(1000).prefault(1000).meta({ description: 'Devices or users a page.' }),
  concurrency: z.int().min(1).max(8).prefault(3).meta({
    description: 'Compliance is asked for user by user: how many such requests are under way at a time.',
  }),
  unmanagedTypes: z
    .array(name())
    .prefault(['EXTERNAL_SERVICE', 'STRONG_AUTHENTICATION_BY_BLACKBERRY', 'USER_PRIVACY'])
    .meta({
      description:
        'Activation types (Policies and profiles > Activation) that manage nothing: a device that has no other type counts as unmanaged.',
    }),
})

export const blackberry = vendorSection({
  title: 'BlackBerry UEM',
  schema,
  build(written, builder): BlackBerrySettings {
    const { pageSize, concurrency, unmanagedTypes } = written
    return {
      ...builder.common(written),
      auth: authOf(written, builder),
      pageSize,
      concurrency,
      unmanagedTypes,
    }
  },
})

function authOf(written: z.output<typeof schema>, builder: VendorBuilder): BlackBerryAuth {
  const { url, tokenUrl, provider, domain } = written
  const signIn = signInOf(written, builder, {
    needs:
      'needs `clientId`, `clientSecret` and `tokenUrl` (UEM Cloud), or `user` and `password` (on premises)',
    isComplete: (kind) => kind === 'password' || tokenUrl !== undefined,
  })
  if (signIn.kind === 'client') return { ...signIn, tokenUrl: tokenUrl ?? url }
  if (provider === 'AD' && domain === undefined) builder.mistake('`provider: AD` needs `domain`', 'provider')
  return { ...signIn, provider, ...(domain !== undefined && { domain }) }
}
