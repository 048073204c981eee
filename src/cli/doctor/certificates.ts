import type { CertificateFiles } from '../../settings/settings.ts'
import { checkDates, keyMistake, readCertificate } from './certificate-files.ts'
import { type DoctorContext, type Finding, fail, ok } from './finding.ts'

/** The listeners' own certificates: dates, and the key that belongs to each. */
export function checkCertificates({ settings, now }: DoctorContext): Finding[] {
  const files = settings.gateway.tls?.certificates ?? []
  return files.flatMap((one) => checkOne(one, now()))
}

function checkOne(files: CertificateFiles, now: number): Finding[] {
  const certificate = readCertificate(files.cert)
  if (typeof certificate === 'string')
    return [fail(files.cert, certificate, 'it has to be PEM, the gateway’s own certificate first')]
  const mistake = keyMistake(certificate, files)
  const key =
    mistake === undefined
      ? ok(files.key, 'belongs to its certificate')
      : fail(files.key, mistake, `it has to be the key that ${files.cert} was issued for`)
  return [checkDates(files.cert, certificate, now), key]
}
