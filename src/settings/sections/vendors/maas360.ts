import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl } from './common.ts'

export interface Maas360Settings extends VendorCommon {
  readonly billingId: string
  readonly platformId: string
  readonly appId: string
  readonly appVersion: string
  readonly accessKey: Secret
  readonly user: string
  readonly password: Secret
  readonly api: '1.0' | '2.0'
  /** Devices a page. */
  readonly pageSize: number
}

/** The first digit of a billing id says where the tenant lives. */
const hosts: Readonly<Record<string, string>> = {
  1: 'https://services.fiberlink.com',
  2: 'https://services.m2.maas360.com',
  3: 'https://services.m3.maas360.com',
  4: 'https://services.m4.maas360.com',
  6: 'https://services.m6.maas360.com',
}

export const maas360 = vendorSection({
  title: 'IBM MaaS360',
  schema: z.strictObject({
    type: z.literal('maas360'),
    ...commonKeys,
    url: vendorUrl()
      .exactOptional()
      .meta({
        description:
          'The address of the web services. Without it, the first digit of the billing id says which it is.',
        examples: ['https://services.m3.maas360.com'],
      }),
    billingId: z
      .string({ error: 'must be the account number in quotes, such as "30012345"' })
      .regex(/^\d{4,20}$/, 'must be the account number in quotes, such as "30012345"')
      .meta({
        description: 'The account number (billing id), at the foot of each page of the portal.',
        examples: ['30012345'],
      }),
    appId: name().meta({
      description: 'The application id (Setup > Manage Access Keys > Generate Access Key).',
      examples: ['com.30012345.gatehouse'],
    }),
    appVersion: name().prefault('1.0').meta({ description: 'The version that the key was made for.' }),
    platformId: name().prefault('3').meta({ description: 'The platform that the key was made for.' }),
    accessKey: secretSource().meta({
      description: 'The access key of that application (Setup > Manage Access Keys).',
      examples: [{ env: 'MAAS360_ACCESS_KEY' }],
    }),
    user: name().meta({
      description:
        'An administrator (Setup > Administrators) with a role that may view devices, and nothing more.',
      examples: ['svc-gatehouse'],
    }),
    password: secretSource().meta({
      description: 'That administrator’s password.',
      examples: [{ env: 'MAAS360_PASSWORD' }],
    }),
    api: z.enum(['1.0', '2.0']).prefault('2.0').meta({
      description: 'The version of the web services; `1.0` where the account has only the old ones.',
    }),
    pageSize: z
      .literal([25, 50, 100, 200, 250], { error: 'must be one of 25, 50, 100, 200 and 250' })
      .prefault(250)
      .meta({ description: 'Devices a page. The vendor knows only these sizes.' }),
  }),
  build(written, builder): Maas360Settings {
    const { billingId, url = hostOf(billingId), ...rest } = written
    if (url === undefined) builder.mistake('where this account lives is not known: set `url`', 'billingId')
    return {
      ...builder.common({ ...rest, url: url ?? new URL('https://localhost') }),
      billingId,
      platformId: rest.platformId,
      appId: rest.appId,
      appVersion: rest.appVersion,
      accessKey: builder.secret(rest.accessKey, 'accessKey'),
      user: rest.user,
      password: builder.secret(rest.password, 'password'),
      api: rest.api,
      pageSize: rest.pageSize,
    }
  },
})

function hostOf(billingId: string): URL | undefined {
  const host = hosts[billingId.charAt(0)]
  return host === undefined ? undefined : new URL(host)
}
