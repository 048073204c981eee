import { file, secret } from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

/** A PKCS #12 file: one key for all who get the profile, so only where a certificate for each device cannot be had. */
export const identity: PayloadDefinition = {
  name: 'identity',
  type: 'com.apple.security.pkcs12',
  title: 'Certificate with key (PKCS #12)',
  systems: { ios: '4.0', macos: '10.7' },
  provides: 'identity',
  fields: {
    file: file(
      'PayloadContent',
      'The PKCS #12 file.',
      (bytes, reading) => {
        // DER of a SEQUENCE; what is in it is the device's to judge, with the password.
        if (bytes[0] !== 0x30) reading.mistake('the file is not PKCS #12 (.p12, .pfx) in DER')
        return bytes
      },
      { required: true, isSecret: true, example: '../certs/shared-identity.p12' },
    ),
    password: secret('Password', 'Its password; left out, the device asks its user.'),
  },
}
