import { X509Certificate } from 'node:crypto'
import { file } from './fields.ts'
import type { PayloadDefinition, Reading } from './payload.ts'

/** PEM or DER in the file, DER to the device. */
function der(bytes: Buffer, reading: Reading): Uint8Array {
  try {
    const certificate = new X509Certificate(bytes)
    return certificate.raw
  } catch {
    reading.mistake('the file holds no certificate (PEM or DER)')
    return bytes
  }
}

const description = 'The certificate, PEM or DER.'

/** The root of a CA: trusted where this profile’s payloads refer to it, and, installed by MDM, for TLS. */
export const rootCertificate: PayloadDefinition = {
  name: 'certificate',
  type: 'com.apple.security.root',
  title: 'Root certificate',
  systems: { ios: '4.0', macos: '10.7' },
  provides: 'anchor',
  fields: {
    file: file('PayloadContent', description, der, { required: true, example: '../certs/internal-ca.crt' }),
  },
}
