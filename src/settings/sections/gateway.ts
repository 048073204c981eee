import { z } from 'zod'
import { secretSource } from './secret.ts'
import { addressRange, hostName, listenAddress, path, token } from './values.ts'

export const certificateFiles = {
  cert: path().meta({
    description: 'The certificate, PEM, followed by its intermediate certificates.',
    examples: ['../certs/gateway.crt'],
  }),
  key: path().meta({
    description: 'Its private key, PEM. Nobody but the gateway should be able to read it.',
    examples: ['../certs/gateway.key'],
  }),
  passphrase: secretSource()
    .exactOptional()
    .meta({
      description: 'The passphrase, when the key is encrypted.',
      examples: [{ file: '/run/secrets/gateway-key' }, { env: 'GATEWAY_KEY_PASSPHRASE' }],
    }),
}

const tls = z.strictObject({
  ...certificateFiles,
  more: z
    .array(z.strictObject(certificateFiles))
    .prefault([])
    .meta({
      description: 'Further certificates, chosen by the name that the client asks for (SNI).',
      examples: [[{ cert: '../certs/chat.crt', key: '../certs/chat.key' }]],
    }),
  clientCa: z
    .array(path())
    .prefault([])
    .meta({
      description:
        'CAs whose client certificates are accepted. Clients are asked for one, and may have none. Each certificate of such a CA is evidence that a device is managed.',
      examples: [['../certs/device-ca.crt']],
    }),
  crl: z
    .array(path())
    .prefault([])
    .meta({
      description: 'Revocation lists of these CAs, PEM. With one, every CA needs one.',
      examples: [['../certs/device-ca.crl']],
    }),
  http2: z.boolean().prefault(true).meta({ description: 'Offer HTTP/2 beside HTTP/1.1.' }),
})

export const gatewaySection = z
  .strictObject({
    listen: z
      .array(listenAddress())
      .min(1)
      .meta({
        description: 'Where clients connect. `http://` for a listener behind something that ends TLS.',
        examples: [['https://0.0.0.0:443']],
      }),
    processes: z
      .union([z.literal('auto'), z.int().min(1).max(256)], {
        error: 'must be auto, or a number of processes from 1 to 256',
      })
      .prefault('auto')
      .meta({
        description:
          'How many processes share the listeners. `auto` is one for each core that the program may use; `1` runs everything in one process.',
        examples: ['auto', 4],
      }),
    tls: tls
      .exactOptional()
      .meta({ description: 'Certificates; needed for `https://`. Read again when the files change.' }),
    trustedProxies: z
      .array(addressRange())
      .prefault([])
      .meta({
        description:
          'Load balancers whose word on the client’s address is believed, as CIDRs. The source address is a credential here: list single machines, nothing that a client could be in.',
        examples: [['10.0.0.5', '10.0.0.6']],
      }),
    forwarded: z.enum(['x-forwarded-for', 'forwarded']).prefault('x-forwarded-for').meta({
      description: 'The one field in which the trusted proxies name the client. The other one is ignored.',
    }),
    proxyProtocol: z.boolean().prefault(false).meta({
      description:
        'Every connection to every listener begins with a PROXY protocol header (v1 or v2) from a trusted proxy; others are closed.',
    }),
    hosts: z
      .array(hostName())
      .prefault([])
      .meta({
        description: 'The gateway’s own hosts, such as the registration address that only the VPN reaches.',
        examples: [['register.vpn.example.com']],
      }),
    pseudonym: token('must be a name of letters, digits, hyphens and dots').prefault('gatehouse').meta({
      description:
        'The gateway’s name in Via. Gateways behind each other need different ones, or take a request for one that goes round in a circle.',
    }),
  })
  .meta({ description: 'The users’ side: listeners, certificates, and whom to believe about addresses.' })
