import type { Evidence } from './evidence.ts'

/** A client certificate that the TLS listener verified on this very connection. */
export const certificateEvidence: Evidence = {
  kind: 'certificate',
  speaksFor: (shown) => shown.certificate !== undefined,
}
