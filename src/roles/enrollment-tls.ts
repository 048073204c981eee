import { readFileSync } from 'node:fs'
import type { CertificateService } from '../enrollment/ca/certificate-service.ts'
import type { EnrollmentListener, ListenerTls } from '../enrollment/web/listener.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'

/** Read anew each time: files may have been replaced, and another authority may issue. */
export function listenerTls(
  { tls, scep }: EnrollmentSettings,
  service: CertificateService,
): ListenerTls | undefined {
  if (tls === undefined) return undefined
  const { cert, key, passphrase } = tls.certificate
  return {
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
    ...(passphrase && { passphrase: passphrase.reveal() }),
    ...(tls.clientCertificates && {
      clientCa: [
        ...service.authorities.map(({ certificate }) => certificate.toString()),
        ...(scep.proxy?.issuers.map((file) => readFileSync(file, 'utf8')) ?? []),
      ],
    }),
  }
}

export function renewListener(listener: EnrollmentListener, tls: ListenerTls | undefined): void {
  if (tls !== undefined) listener.renew(tls)
}
