import type { Answer } from '../../domain/answer.ts'
import type { CertificateService } from '../ca/certificate-service.ts'
import type { Visit } from './visit.ts'

/** What anybody may fetch: the CA's certificate and its revocation lists. */
export function publicFiles(
  visit: Visit,
  service: Pick<CertificateService, 'issuing' | 'revocationList'>,
): Promise<Answer | undefined> | undefined {
  if (visit.method !== 'GET' && visit.method !== 'HEAD') return undefined
  if (visit.path === '/ca.crt') return Promise.resolve(certificate(service))
  const id = /^\/crl\/(ca_[a-z0-9]{1,40})\.crl$/.exec(visit.path)?.[1]
  return id === undefined ? undefined : revocationList(id, service)
}

function certificate({ issuing }: Pick<CertificateService, 'issuing'>): Answer {
  return {
    status: 200,
    headers: [['Content-Type', 'application/x-x509-ca-cert']],
    body: issuing.certificate.raw,
  }
}

async function revocationList(
  id: string,
  service: Pick<CertificateService, 'revocationList'>,
): Promise<Answer | undefined> {
  const list = await service.revocationList(id)
  if (list === undefined) return undefined
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/pkix-crl'],
      ['Expires', new Date(list.nextUpdate).toUTCString()],
    ],
    body: list.der,
  }
}
