import { z } from 'zod'
import type { Secret } from '../../../secret.ts'
import { secretSource } from '../../secret.ts'
import { token } from '../../values.ts'
import { name, type VendorBuilder, vendorUrl } from '../common.ts'

export type GenericAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly user: string; readonly password: Secret }
  | { readonly kind: 'header'; readonly name: string; readonly value: Secret }
  | { readonly kind: 'bearer'; readonly token: Secret }
  | {
      readonly kind: 'oauth2'
      readonly tokenUrl: URL
      readonly clientId: string
      readonly clientSecret: Secret
      readonly scope?: string
      readonly send: 'basic' | 'form'
    }

const ways = {
  basic: z
    .strictObject({
      user: name().meta({ description: 'The user name.', examples: ['svc-gatehouse'] }),
      password: secretSource().meta({ description: 'The password.' }),
    })
    .exactOptional()
    .meta({ description: 'HTTP Basic.' }),
  bearer: secretSource().exactOptional().meta({ description: 'A token, sent as `Authorization: Bearer`.' }),
  header: z
    .strictObject({
      name: token('must be the name of a header field').meta({
        description: 'The field’s name.',
        examples: ['X-Api-Key'],
      }),
      value: secretSource().meta({ description: 'The field’s value.' }),
    })
    .exactOptional()
    .meta({ description: 'A secret in a header field.' }),
  oauth2: z
    .strictObject({
      tokenUrl: vendorUrl().meta({
        description: 'Where tokens are issued.',
        examples: ['https://login.example.com/oauth2/token'],
      }),
      clientId: name().meta({ description: 'The client.', examples: ['gatehouse'] }),
      clientSecret: secretSource().meta({ description: 'Its secret.' }),
      scope: name()
        .exactOptional()
        .meta({
          description: 'The scope that is asked for, where there is one.',
          examples: ['devices.read'],
        }),
      send: z.enum(['basic', 'form']).prefault('basic').meta({
        description: 'How the client shows its secret: HTTP Basic, or fields of the form.',
      }),
    })
    .exactOptional()
    .meta({ description: 'OAuth 2 client credentials.' }),
}

const sentence = `must be none, or exactly one of ${Object.keys(ways).join(', ')}, such as { bearer: { env: MDM_TOKEN } }`

export const genericAuth = z.union(
  [
    z.literal('none'),
    z
      .strictObject(ways)
      .refine((way) => Object.values(way).filter((each) => each !== undefined).length === 1, sentence),
  ],
  { error: sentence },
)

export function buildAuth(written: z.output<typeof genericAuth>, builder: VendorBuilder): GenericAuth {
  if (written === 'none') return { kind: 'none' }
  const { basic, bearer, header, oauth2 } = written
  if (basic !== undefined) {
    return {
      kind: 'basic',
      user: basic.user,
      password: builder.secret(basic.password, 'auth', 'basic', 'password'),
    }
  }
  if (header !== undefined) {
    return {
      kind: 'header',
      name: header.name,
      value: builder.secret(header.value, 'auth', 'header', 'value'),
    }
  }
  if (oauth2 !== undefined) {
    const clientSecret = builder.secret(oauth2.clientSecret, 'auth', 'oauth2', 'clientSecret')
    return { ...oauth2, kind: 'oauth2', clientSecret }
  }
  if (bearer === undefined) throw new TypeError('exactly one way is written') // held by the schema
  return { kind: 'bearer', token: builder.secret(bearer, 'auth', 'bearer') }
}
