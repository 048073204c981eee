import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import { secretSource } from '../secret.ts'
import { commonKeys, name, type VendorCommon, vendorSection, vendorUrl } from './common.ts'

export interface XenmobileSettings extends VendorCommon {
  readonly signIn: XenmobileUser | XenmobileCloud
  /** Relative to `url`. */
  readonly listPath: string
  /** Devices a page. */
  readonly pageSize: number
}

interface XenmobileUser {
  readonly kind: 'user'
  readonly user: string
  readonly password: Secret
}

interface XenmobileCloud {
  readonly kind: 'cloud'
  readonly clientId: string
  readonly clientSecret: Secret
  readonly trustUrl: URL
}

const lists = {
  filter: { path: 'xenmobile/api/v1/device/filter', most: 1000 },
  'filter-v2': { path: 'xenmobile/api/v1/device/filter/v2', most: 1000 },
  'endpoint-management': { path: 'api/endpoint-management/devices/filter', most: 100 },
} as const

export const xenmobile = vendorSection({
  title: 'Citrix XenMobile / Endpoint Management',
  schema: z.strictObject({
    type: z.literal('xenmobile'),
    ...commonKeys,
    url: vendorUrl().meta({
      description: 'The server with the port of its public API, 4443, without a path.',
      examples: ['https://xms.example.com:4443'],
    }),
    user: name()
      .exactOptional()
      .meta({
        description:
          'On the customer’s own server: a local user or administrator whose role has the permission Public API access (Settings > Role-Based Access Control).',
        examples: ['svc-gatehouse'],
      }),
    password: secretSource()
      .exactOptional()
      .meta({ description: 'That user’s password.', examples: [{ env: 'XENMOBILE_PASSWORD' }] }),
    clientId: name()
      .exactOptional()
      .meta({
        description:
          'In Citrix Cloud: the id of a secure client (Identity and Access Management > API Access).',
        examples: ['0b6c8f0e-41c8-4f0c-9c0e-8f0a6c1a2b3c'],
      }),
    clientSecret: secretSource()
      .exactOptional()
      .meta({
        description: 'The secret of that client, shown once when it is made.',
        examples: [{ env: 'CITRIX_CLIENT_SECRET' }],
      }),
    trustUrl: vendorUrl().prefault('https://trust.citrixworkspacesapi.net/root/tokens/clients').meta({
      description: 'In Citrix Cloud: where the secure client gets its token.',
    }),
    list: z.enum(['filter', 'filter-v2', 'endpoint-management']).prefault('filter').meta({
      description: 'Which list the server has: `filter` every version, the others newer ones.',
    }),
    pageSize: z.int().min(1).max(1000).prefault(100).meta({
      description: 'Devices a page; at most 100 with `list: endpoint-management`.',
    }),
  }),
  build(written, builder): XenmobileSettings {
    const { user, password, clientId, clientSecret, trustUrl, list, pageSize } = written
    if (pageSize > lists[list].most) {
      builder.mistake(`must be at most ${lists[list].most} with this \`list\``, 'pageSize')
    }
    const common = { ...builder.common(written), listPath: lists[list].path, pageSize }
    if (
      user !== undefined &&
      password !== undefined &&
      clientId === undefined &&
      clientSecret === undefined
    ) {
      return { ...common, signIn: { kind: 'user', user, password: builder.secret(password, 'password') } }
    }
    if (
      clientId === undefined ||
      clientSecret === undefined ||
      user !== undefined ||
      password !== undefined
    ) {
      builder.mistake('needs `user` and `password`, or `clientId` and `clientSecret`')
    }
    const secret = builder.secret(clientSecret ?? { env: 'clientSecret' }, 'clientSecret')
    return { ...common, signIn: { kind: 'cloud', clientId: clientId ?? '', clientSecret: secret, trustUrl } }
  },
})
