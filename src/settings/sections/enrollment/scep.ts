import { z } from 'zod'
import { secretSource } from '../secret.ts'
import { count, path, webUrl } from '../values.ts'

const proxy = z
  .strictObject({
    url: webUrl().meta({
      description: 'The SCEP server that issues instead.',
      examples: ['http://ndes.example.com/certsrv/mscep/mscep.dll'],
    }),
    ca: z
      .array(path())
      .prefault([])
      .meta({ description: 'CAs of its TLS certificate, PEM; those of the system when empty.' }),
    issuers: z
      .array(path())
      .min(1)
      .max(8)
      .meta({
        description:
          'The certificates of the CAs that issue there, PEM, one in each file. Devices check the answers of that server with the first; a device’s identity must be signed by one of them, and its key must have come by here.',
        examples: [['../certs/device-issuing-ca.crt']],
      }),
    challenge: secretSource()
      .exactOptional()
      .meta({
        description:
          'The challenge password that it expects, the same for all devices, which all can read it. Left out where it wants none. Let it take requests from Gatehouse alone.',
        examples: [{ env: 'SCEP_CHALLENGE' }],
      }),
  })
  .exactOptional()
  .meta({
    description:
      'Pass requests on to a SCEP server behind, which issues instead of Gatehouse. Only keys of enrolling devices get through, with a one-time address; sizes and rates are limited, and nothing but SCEP passes.',
  })

/** How devices ask for their certificate (RFC 8894). */
export const scepKey = z
  .strictObject({
    legacy: z.boolean().prefault(false).meta({
      description:
        'Accept SHA-1 and triple DES, and say so to clients, of which some then take nothing better. Only for devices that can do nothing else.',
    }),
    attempts: count().prefault(20).meta({
      description: 'Requests with a wrong challenge in five minutes, from one address; then it has to wait.',
    }),
    requests: count().prefault(600).meta({
      description: 'Requests in a minute from one address; then it has to wait.',
    }),
    proxy,
  })
  .prefault({})
  .meta({ description: 'The SCEP server, at `/scep` of the enrollment listener.' })

export type WrittenScep = z.output<typeof scepKey>
