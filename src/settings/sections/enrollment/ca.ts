import { z } from 'zod'
import { certificateFiles } from '../gateway.ts'
import { secretSource } from '../secret.ts'
import { duration, path } from '../values.ts'

const day = 24 * 60 * 60 * 1000

const external = z.strictObject(certificateFiles).exactOptional().meta({
  description:
    'An issuing CA of your own instead of Gatehouse’s: its certificate (RSA, followed by the CAs above it) and key. Gatehouse issues with it and keeps the list of what it has issued.',
})

const profileSigner = z.strictObject(certificateFiles).exactOptional().meta({
  description:
    'What profiles are signed with, such as the public TLS certificate of the enrollment host: devices then show “Verified”. Without it, a certificate of the CA.',
})

/** The certificate authority of enrolled devices. */
export const caKey = z
  .strictObject({
    folder: path()
      .prefault('../data/ca')
      .meta({
        description:
          'Where the private keys are, each in a file that only its owner can read. They are not in the record, so that nobody can issue certificates with a copy or a back-up of it. Back this folder up apart; on several machines it must be the same on all that run the enrollment role.',
        examples: ['/var/lib/gatehouse/ca'],
      }),
    passphrase: secretSource()
      .exactOptional()
      .meta({
        description: 'Encrypts the private keys in this folder.',
        examples: [{ file: '/run/secrets/ca-passphrase' }],
      }),
    external,
    validity: duration().prefault('365d').meta({
      description: 'How long the certificates of devices are good. They are renewed before that.',
    }),
    renewBefore: duration()
      .exactOptional()
      .meta({
        description:
          'How long before a device’s certificate ends Gatehouse has the device renew it: its identity, and those that came with managed profiles. Left out: a fifth of `validity`.',
        examples: ['60d'],
      }),
    renewalGrace: duration().prefault('90d').meta({
      description:
        'For how long a device may still renew its certificate after it has expired, when it lay in a drawer. It opens nothing else.',
    }),
    crlLife: duration().prefault('1d').meta({
      description:
        'For how long others may keep the revocation list. The gateway follows the record itself and needs no list.',
    }),
    profileSigner,
  })
  .superRefine(({ validity, renewBefore, renewalGrace, crlLife }, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message })
    if (validity < day || validity > 1095 * day) refuse('validity', 'must be between 1d and 1095d')
    if (renewBefore !== undefined && (renewBefore < day / 24 || renewBefore > validity / 2))
      refuse('renewBefore', 'must be between 1h and half of `validity`')
    if (renewalGrace > 1095 * day) refuse('renewalGrace', 'must be at most 1095d')
    if (crlLife < day / 24 || crlLife > 30 * day) refuse('crlLife', 'must be between 1h and 30d')
  })
  .prefault({})
  .meta({ description: 'The certificate authority that gives devices their identity.' })

export type WrittenCa = z.output<typeof caKey>
