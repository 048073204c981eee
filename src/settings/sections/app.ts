import { z } from 'zod'
import { platforms } from '../../domain/client-identity.ts'
import { parseVersion } from '../../policy/versions.ts'
import { secretSource } from './secret.ts'
import { count, duration, said } from './values.ts'

const versionSentence = 'must be a version such as "2.0" or "2.0.1", in quotes'
const instantSentence = 'must be a date such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z'

const version = z
  .string({ error: said(versionSentence) })
  .refine((text) => parseVersion(text) !== undefined, versionSentence)

/** @returns milliseconds since the epoch */
const instant = z.codec(z.string({ error: said(instantSentence) }), z.number(), {
  decode(text, context) {
    const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN
    if (!Number.isNaN(time)) return time
    context.issues.push({ code: 'custom', input: text, message: instantSentence })
    return z.NEVER
  },
  // zod encodes optional values that are absent, too, and then drops them.
  encode: (time: number | undefined) =>
    time === undefined ? '' : `${new Date(time).toISOString().slice(0, 19)}Z`,
})

const packageKey = z
  .strictObject({
    id: z
      .string()
      .max(64)
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
        'must be a name of letters, digits, hyphens, dots and underscores',
      )
      .meta({ description: 'The id that requests name as `keyid`.', examples: ['2026-01'] }),
    secret: secretSource().meta({
      description: 'The key in base64 or base64url, at least 32 bytes: `openssl rand -base64 32`.',
    }),
    notBefore: instant.exactOptional().meta({ description: 'From when the key counts.' }),
    notAfter: instant.exactOptional().meta({
      description: 'Until when the key counts: set it on the old key when the MDM hands out a new one.',
      examples: ['2026-06-30'],
    }),
  })
  .refine(
    ({ notBefore, notAfter }) => notBefore === undefined || notAfter === undefined || notBefore < notAfter,
    { path: ['notAfter'], error: 'must be later than notBefore' },
  )

export const appSection = z
  .strictObject({
    company: z
      .string()
      .min(1)
      .max(200)
      .meta({
        description: 'The company’s name as the MDM writes it into the app’s configuration.',
        examples: ['Example Corp'],
      }),
    packageKeys: z
      .array(packageKey)
      .min(1)
      .max(16)
      .meta({
        description:
          'The secrets that the MDM hands to the app, one or more: while they change, old and new count side by side.',
        examples: [[{ id: '2026-01', secret: { file: '../certs/package.key' } }]],
      }),
    minVersion: z
      .partialRecord(z.enum(platforms), version)
      .prefault({})
      .meta({
        description:
          'The least version of the app for each platform. A platform that is not listed has none; `ipados` follows `ios`.',
        examples: [{ ios: '2.0', android: '2.0' }],
      }),
    window: duration().prefault('60s').meta({
      description: 'How long a signed request may live, from `created` to `expires`.',
    }),
    clockSkew: duration().prefault('30s').meta({ description: 'How far the clocks of devices may be off.' }),
    ticketLife: duration().prefault('5m').meta({ description: 'How long a binding link is good for.' }),
    requireVendor: z.boolean().prefault(false).meta({
      description: 'An MDM vendor must report the device under the id that the app gives, for its user.',
    }),
    bindByAddress: z.boolean().prefault(true).meta({
      description:
        'Let a link that was opened on the device speak for one client that cannot carry it (a mail app): the same user, from the same address, once. See docs/registration.md for what that means.',
    }),
    attempts: z
      .strictObject({
        perAddress: count().prefault(120).meta({
          description:
            'First contacts in a minute from one address. Large offices share one (NAT). Requests without a valid package key are counted by themselves, to the same number.',
        }),
        perDevice: count().prefault(10).meta({ description: 'First contacts in a minute for one device.' }),
      })
      .prefault({})
      .meta({ description: 'What is beyond is answered with 429 and Retry-After.' }),
  })
  .superRefine(({ packageKeys, window, ticketLife }, context) => {
    const ids = packageKeys.map(({ id }) => id)
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) !== index)
        context.addIssue({
          code: 'custom',
          path: ['packageKeys', index, 'id'],
          message: 'stands there twice',
        })
    if (window < 5_000 || window > 600_000)
      context.addIssue({ code: 'custom', path: ['window'], message: 'must be between 5s and 10m' })
    if (ticketLife < 30_000 || ticketLife > 900_000)
      context.addIssue({ code: 'custom', path: ['ticketLife'], message: 'must be between 30s and 15m' })
  })
  .exactOptional()
  .meta({
    description:
      'The company app: registers devices by a signed request (docs/app-protocol.md). Without this section there is none.',
  })
