import { z } from 'zod'
import { accessRightsKey } from './enrollment/access-rights.ts'
import { accountDrivenKey } from './enrollment/account-driven.ts'
import { caKey } from './enrollment/ca.ts'
import { deviceSignatureKey } from './enrollment/device-signature.ts'
import { profilesKey } from './enrollment/profiles.ts'
import { scepKey } from './enrollment/scep.ts'
import { signInKey } from './enrollment/sign-in.ts'
import { certificateFiles } from './gateway.ts'
import { addressRange, duration, listenAddress, originUrl } from './values.ts'

const reverseDns = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/

const tls = z
  .strictObject({
    ...certificateFiles,
    clientCertificates: z.boolean().prefault(false).meta({
      description:
        'Ask for the device’s certificate when it connects. Not needed: devices sign every message. A browser with a certificate of the CA would ask its user to choose one.',
    }),
  })
  .exactOptional()
  .meta({
    description:
      'The listener’s certificate, which devices must trust as they are: take one of a public CA. Read again when the files change.',
  })

/** Apple devices managed by Gatehouse itself. Each part of it is a key in a file of its own, in `enrollment/`. */
export const enrollmentSection = z
  .strictObject({
    listen: listenAddress().meta({
      description: 'Where devices and their users connect. `http://` only behind something that ends TLS.',
      examples: ['https://0.0.0.0:8445'],
    }),
    publicUrl: originUrl()
      .refine(({ protocol }) => protocol === 'https:', 'must be https://: devices refuse everything else')
      .meta({
        description:
          'How devices reach this listener. It goes into every enrolled device and can never change: a new one means enrolling every device again.',
        examples: ['https://mdm.example.com'],
      }),
    organisation: z
      .string()
      .min(1)
      .max(100)
      .meta({ description: 'The name that users see.', examples: ['Example Corp'] }),
    identifier: z
      .string()
      .max(100)
      .regex(reverseDns, 'must be a name in reverse order such as com.example.mdm')
      .exactOptional()
      .meta({
        description:
          'The beginning of the identifiers of all profiles. Left out: the host of `publicUrl` in reverse order. Can never change either.',
        examples: ['com.example.mdm'],
      }),
    tls,
    trustedProxies: z.array(addressRange()).prefault([]).meta({
      description: 'Load balancers whose X-Forwarded-For names the client, as addresses or CIDRs.',
    }),
    signIn: signInKey,
    accessRights: accessRightsKey,
    deviceSignature: deviceSignatureKey,
    accountDriven: accountDrivenKey,
    profiles: profilesKey,
    ca: caKey,
    scep: scepKey,
    challengeLife: duration().prefault('30m').meta({
      description:
        'How long a device may take from the download of its profile to its certificate: so long are the one-time challenges good.',
    }),
    help: z
      .string()
      .max(500)
      .exactOptional()
      .meta({
        description: 'Whom users ask; shown where something is refused.',
        examples: ['Call the service desk: 1234.'],
      }),
  })
  .superRefine(({ listen, tls, challengeLife, scep, ca, profiles, accessRights }, context) => {
    if (profiles.files.length > 0 && !accessRights.includes('install-profiles'))
      context.addIssue({
        code: 'custom',
        path: ['accessRights'],
        message: 'lacks install-profiles: no device would take what `profiles.files` holds',
      })
    if (scep.proxy !== undefined && ca.external !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['scep', 'proxy'],
        message: 'cannot be used together with `ca.external`: devices get their certificate from one CA',
      })
    if (listen.scheme === 'https' && tls === undefined)
      context.addIssue({
        code: 'custom',
        path: ['tls'],
        message: 'is missing: `listen` is https://, which needs `cert` and `key`',
      })
    if (listen.scheme === 'http' && tls !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['tls'],
        message: 'is never used: `listen` is http://',
      })
    if (challengeLife < 120_000 || challengeLife > 86_400_000)
      context.addIssue({ code: 'custom', path: ['challengeLife'], message: 'must be between 2m and 1d' })
  })
  .exactOptional()
  .meta({
    description:
      'Apple devices enrolled and managed by Gatehouse itself: see [enrollment.md](../enrollment.md). Without this section there are none.',
  })

export type WrittenEnrollment = NonNullable<z.output<typeof enrollmentSection>>
