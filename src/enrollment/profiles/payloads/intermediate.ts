import { rootCertificate } from './certificate.ts'
import type { PayloadDefinition } from './payload.ts'

/** A certificate that is no root: an intermediate CA, or a server that is trusted by itself. */
export const intermediate: PayloadDefinition = {
  ...rootCertificate,
  name: 'intermediate',
  type: 'com.apple.security.pkcs1',
  title: 'Certificate that is no root',
}
