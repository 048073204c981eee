import { z } from 'zod'
import { count } from './values.ts'

const sentence = 'must be the name of a header field of its own, such as Gatehouse-MDM-Token'

/** Fields that mean something else already, to the gateway or to an upstream. */
const taken =
  /^(accept|access-control|authorization|cache-control|connection|content|cookie|date|dpop|expect|forwarded|from|host|if-|keep-alive|ms-|origin|pragma|proxy|range|referer|sec-|te$|trailer|transfer-encoding|upgrade|user-agent|via$|x-forwarded|x-ms-)/

export const mdmTokensSection = z
  .strictObject({
    header: z
      .string({ error: sentence })
      .toLowerCase()
      .regex(/^[A-Za-z][A-Za-z0-9-]{2,63}$/, sentence)
      .refine((name) => !taken.test(name), `${sentence}; this one has another meaning`)
      .prefault('Gatehouse-MDM-Token')
      .meta({
        description: 'The header field in which a device shows its MDM token. It never reaches an upstream.',
        examples: ['Example-Device-Token'],
      }),
    wrongPerMinute: count().prefault(20).meta({
      description:
        'How many different unknown tokens may come from one address within a minute. After that, no token from there registers a new client for a minute.',
    }),
  })
  .prefault({})
  .meta({ description: 'MDM tokens: see [mdm-tokens.md](../mdm-tokens.md).' })
