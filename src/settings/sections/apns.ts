import { z } from 'zod'
import { secretSource } from './secret.ts'
import { originUrl, path } from './values.ts'

const file = () => z.strictObject({ file: path().meta({ description: 'The path of the file.' }) })

const apns = z.strictObject({
  certificate: file().meta({
    description:
      'The MDM push certificate from identity.apple.com/pushcert: PEM, or PKCS #12 as the Keychain exports it. Read again when the file changes; one with another topic is refused, since every enrolled device would be lost: renew the old one there.',
    examples: [{ file: '../certs/push.p12' }],
  }),
  key: file()
    .exactOptional()
    .meta({
      description: 'Its private key, PEM, where it is a file of its own.',
      examples: [{ file: '../certs/push.key' }],
    }),
  passphrase: secretSource()
    .exactOptional()
    .meta({ description: 'Opens the PKCS #12 file or the key.', examples: [{ env: 'PUSH_PASSPHRASE' }] }),
  topic: z
    .string()
    .regex(/^com\.apple\.mgmt\.[\w.-]+$/, 'must be the UID of the certificate’s subject: com.apple.mgmt.…')
    .exactOptional()
    .meta({
      description: 'The topic that the certificate must have; it is read from the certificate otherwise.',
      examples: ['com.apple.mgmt.External.0000'],
    }),
  server: originUrl()
    .refine(({ protocol }) => protocol === 'https:', 'must be https://')
    .prefault('https://api.push.apple.com')
    .meta({
      description: 'Apple’s push service. Port 2197 is the same service, for firewalls.',
      examples: ['https://api.push.apple.com:2197'],
    }),
  connections: z
    .int()
    .min(1)
    .max(16)
    .prefault(2)
    .meta({ description: 'Connections to it at a time; one carries thousands of pushes.' }),
  ca: z
    .array(path())
    .prefault([])
    .meta({
      description:
        'PEM files of further authorities, where something in between ends TLS. Apple’s own need none.',
      examples: [['../certs/proxy-ca.crt']],
    }),
})

export type WrittenApns = z.output<typeof apns>

export const apnsSection = apns
  .exactOptional()
  .meta({ description: 'The push worker, which wakes the devices that `enrollment` manages.' })
