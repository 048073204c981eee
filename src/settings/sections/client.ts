/** What a service says of its clients: `client: browser` with its `signIn`, `bearer` with its issuer, and so on. */
import { z } from 'zod'
import type { BearerSettings, ClientKind, ClientSettings, GenericSettings } from '../../domain/service.ts'
import { extractor } from './extractor.ts'
import { issuer, method, pathPattern, webUrl } from './values.ts'

const status = z.array(z.int().min(200).max(599)).min(1)

const signInRequest = {
  method: method().prefault('POST').meta({ description: 'The method of the request that signs in.' }),
  path: pathPattern().meta({
    description: 'The path of the request that signs in; a pattern as in `public`.',
    examples: ['/login', '/realms/*/login-actions/authenticate'],
  }),
}

const signInSuccess = z.strictObject({
  status: status.meta({ description: 'One of these statuses.', examples: [[302, 303]] }),
  setCookie: z
    .string()
    .min(1)
    .exactOptional()
    .meta({
      description: 'And a cookie of this name is set.',
      examples: ['KEYCLOAK_IDENTITY'],
    }),
  location: z.string().min(1).exactOptional().meta({ description: 'And Location begins with this.' }),
  notLocation: z
    .string()
    .min(1)
    .exactOptional()
    .meta({
      description: 'And Location does not begin with this.',
      examples: ['/login?error'],
    }),
})

const signIn = z.strictObject({
  ...signInRequest,
  user: extractor().meta({
    description: 'Where that request names the user.',
    examples: [{ form: 'username' }],
  }),
  success: signInSuccess.meta({
    description:
      'The answer that accepts the credentials: all of what is named here. A device is registered by it, so it must not fit the answer to a wrong password.',
  }),
})

const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

const bearer = z.strictObject({
  issuer: issuer().meta({
    description: 'The issuer of the tokens.',
    examples: ['https://login.example.com/realms/main'],
  }),
  jwks: webUrl().exactOptional().meta({
    description: 'Where its keys are; otherwise learnt from `/.well-known/openid-configuration`.',
  }),
  audience: z
    .array(z.string().min(1))
    .min(1)
    .meta({
      description: 'The tokens must be meant for one of these.',
      examples: [['https://api.example.com']],
    }),
  user: z
    .string()
    .min(1)
    .prefault('sub')
    .meta({ description: 'The claim that names the user.', examples: ['preferred_username'] }),
  device: z
    .string()
    .min(1)
    .meta({ description: 'The claim that names the device.', examples: ['deviceid'] }),
  groups: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ description: 'The claim that lists the user’s groups.', examples: ['groups'] }),
  algorithms: z.array(z.enum(algorithms)).min(1).prefault(['RS256', 'PS256', 'ES256', 'EdDSA']).meta({
    description: 'The signature algorithms that are accepted. Only those with public keys exist here.',
  }),
})

const generic = z.strictObject({
  device: z
    .array(extractor())
    .min(1)
    .meta({
      description: 'The values that together name the device; all must be present.',
      examples: [[{ header: 'X-Device-Id' }]],
    }),
  user: extractor().meta({ description: 'Where the user is named.', examples: [{ basic: true }] }),
  signIn: z.strictObject(signInRequest).exactOptional().meta({
    description: 'The request that signs in; without it, every request carries credentials.',
  }),
  success: z
    .strictObject({ status: status.meta({ description: 'One of these statuses.', examples: [[200]] }) })
    .meta({
      description: 'The answers that accept the credentials.',
    }),
  bearer: bearer.exactOptional().meta({ description: 'How the JWT is verified, when a claim is read.' }),
})

export const clientKeys = {
  signIn: z
    .union([z.literal('none'), signIn])
    .exactOptional()
    .meta({
      description:
        'For `client: browser`: which request presents the credentials and which answer accepts them. `none` for a service without a sign-in: evidence alone registers then.',
    }),
  bearer: bearer.exactOptional().meta({ description: 'For `client: bearer`: OAuth access tokens (JWT).' }),
  generic: generic
    .exactOptional()
    .meta({ description: 'For `client: generic`: where device and user stand.' }),
}

type Written = z.output<z.ZodObject<typeof clientKeys>>

/** The block that each client needs; the others have none. */
export const clientBlocks = { browser: 'signIn', bearer: 'bearer', generic: 'generic' } as const

/** @returns undefined when the block that this client needs is missing */
export function clientSettings(kind: ClientKind, written: Written): ClientSettings | undefined {
  const { signIn, bearer, generic } = written
  switch (kind) {
    case 'browser':
      return signIn && { kind, signIn }
    case 'bearer':
      return bearer && { kind, bearer: bearerSettings(bearer) }
    case 'generic':
      return generic && { kind, generic: genericSettings(generic) }
    default:
      return { kind }
  }
}

function bearerSettings(written: z.output<typeof bearer>): BearerSettings {
  const { user, device, groups, ...same } = written
  return { ...same, userClaim: user, deviceClaim: device, ...(groups && { groupsClaim: groups }) }
}

function genericSettings({ bearer, ...same }: z.output<typeof generic>): GenericSettings {
  return { ...same, ...(bearer && { bearer: bearerSettings(bearer) }) }
}

/** The other way round: the keys as the file has them. */
export function writtenClient(client: ClientSettings): object {
  switch (client.kind) {
    case 'browser':
      return { signIn: client.signIn }
    case 'bearer':
      return { bearer: writtenBearer(client.bearer) }
    case 'generic': {
      const { bearer, ...same } = client.generic
      return { generic: { ...same, ...(bearer && { bearer: writtenBearer(bearer) }) } }
    }
    default:
      return {}
  }
}

function writtenBearer({ userClaim, deviceClaim, groupsClaim, ...same }: BearerSettings): object {
  return { ...same, user: userClaim, device: deviceClaim, ...(groupsClaim && { groups: groupsClaim }) }
}
