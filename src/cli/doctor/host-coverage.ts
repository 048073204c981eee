import { readCertificate } from './certificate-files.ts'
import { type DoctorContext, type Finding, fail, ok } from './finding.ts'

/** Clients refuse a host that no certificate names: every host of the services and of the gateway itself is looked up. */
export function checkHostCoverage({ settings }: DoctorContext): Finding[] {
  const { tls, hosts } = settings.gateway
  if (tls === undefined) return []
  const certificates = tls.certificates
    .map(({ cert }) => readCertificate(cert))
    .filter((certificate) => typeof certificate !== 'string')
  const all = [...new Set([...settings.services.flatMap((service) => service.hosts), ...hosts])]
  const missing = all.filter(
    (host) => !certificates.some((one) => one.checkHost(example(host)) !== undefined),
  )
  if (missing.length === 0) return [ok('hosts', `${all.length} of ${all.length} are named by a certificate`)]
  return missing.map((host) =>
    fail(
      host,
      'no certificate names this host: clients will refuse the connection',
      'add a certificate for it under gateway.tls.more',
    ),
  )
}

/** A wildcard stands for any one label; a certificate has to cover them all. */
function example(host: string): string {
  return host.startsWith('*.') ? `gatehouse-doctor.${host.slice(2)}` : host
}
