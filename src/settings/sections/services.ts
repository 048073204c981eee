import { z } from 'zod'
import { clientKinds } from '../../domain/service.ts'
import { clientKeys } from './client.ts'
import {
  hostName,
  hostNameOrWildcard,
  originUrl,
  path,
  pathPattern,
  said,
  size,
  token,
  webOrigin,
} from './values.ts'

const pathRules = z
  .strictObject({
    encodedSlash: z.boolean().prefault(false).meta({
      description: 'Let `%2F` within a segment pass. Matrix needs it; most others resolve it as `/`.',
    }),
    parameters: z.boolean().prefault(false).meta({
      description: 'Let `;` in a path pass. Java servers cut segments there.',
    }),
    caseInsensitive: z.boolean().prefault(false).meta({
      description:
        'The upstream does not tell letter cases apart (IIS): `public` and the sign-in’s path match in every case, as refusing rules always do.',
    }),
  })
  .prefault({})

const upstreamTls = z
  .strictObject({
    ca: z
      .array(path())
      .prefault([])
      .meta({
        description: 'CAs of the upstream’s certificate, PEM; otherwise those that Node trusts.',
        examples: [['../certs/internal-ca.crt']],
      }),
    verify: z.boolean().prefault(true).meta({
      description:
        'Check the certificate. Off, whoever sits between gateway and upstream can read everything.',
    }),
    serverName: hostName().exactOptional().meta({
      description: 'The name that the certificate holds, when it is not the upstream’s own.',
    }),
  })
  .prefault({})

const upgradeSentence = 'must be the name of an upgrade protocol such as websocket'

/** HTTP inside an upgrade would be a second way in, past every decision. */
const upgrade = z
  .string({ error: said(upgradeSentence) })
  .toLowerCase()
  .regex(/^[A-Za-z0-9.-]{1,64}(\/[A-Za-z0-9.]{1,16})?$/, upgradeSentence)
  .refine(
    (name) => !/^(h2c|h2|connect-udp|connect-ip|(tls|http)(\/.*)?)$/.test(name),
    'opens a way past the gateway’s decisions and cannot be allowed',
  )

const service = z.strictObject({
  name: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be a name of letters, digits, hyphens, dots and underscores')
    .meta({ description: 'The name in the policy, in logs and commands.', examples: ['mail'] }),
  hosts: z
    .array(hostNameOrWildcard())
    .min(1)
    .meta({
      description:
        'The host names that clients use. The first is the public address that users are sent back to. `*.example.com` covers one label.',
      examples: [['mail.example.com', 'autodiscover.example.com']],
    }),
  upstream: z
    .array(originUrl())
    .min(1)
    .meta({
      description: 'Where the service really is. With several, those that answer share the requests.',
      examples: [['https://exchange-1.internal', 'https://exchange-2.internal']],
    }),
  client: z
    .enum(clientKinds)
    .meta({ description: 'Which programs connect: what they say of themselves and understand.' }),
  ...clientKeys,
  mode: z.enum(['enforce', 'monitor']).prefault('enforce').meta({
    description: '`monitor` decides and records, and lets everything through.',
  }),
  public: z
    .array(pathPattern())
    .prefault([])
    .meta({
      description:
        'Paths that need no registered device: `/a` is itself and all below it, `/a/*` only what is below, `*` within a segment stands for any characters.',
      examples: [['/healthcheck.htm', '/.well-known/*']],
    }),
  paths: pathRules.meta({
    description: 'What two programs could read in two ways, and the upstream needs all the same.',
  }),
  upgrades: z
    .array(upgrade)
    .prefault(['websocket'])
    .meta({
      description: 'The upgrade protocols that pass.',
      examples: [[]],
    }),
  origins: z
    .array(webOrigin())
    .prefault([])
    .meta({
      description:
        'Web pages that may open a WebSocket with the user’s cookies; otherwise the service’s own hosts.',
      examples: [['https://portal.example.com']],
    }),
  allowFields: z
    .array(token('must be the name of a header field').toLowerCase())
    .prefault([])
    .meta({
      description:
        'Header fields with underscores or dots that pass. Others of the kind are dropped, since upstreams take them for the ones with hyphens.',
      examples: [['x_legacy_session']],
    }),
  hostHeader: z.enum(['client', 'upstream']).prefault('client').meta({
    description: 'The Host that the upstream sees: the client’s, or the upstream’s own name.',
  }),
  upstreamTls: upstreamTls.meta({ description: 'For `https://` upstreams.' }),
  maxBody: size().prefault('1GiB').meta({ description: 'The most bytes that a request’s body may have.' }),
  hsts: z.boolean().prefault(false).meta({
    description:
      'Answers over https tell browsers to use https only for a year (HSTS), unless the upstream says something of its own. Hard to take back: they remember it.',
  }),
})

export const servicesSection = z.array(service).min(1).meta({ description: 'What the gateway protects.' })
