import { readFileSync } from 'node:fs'
import { errorCode } from '../../settings/secret.ts'
import { checkDates, readCertificate } from './certificate-files.ts'
import { type DoctorContext, type Finding, fail, ok } from './finding.ts'

/** The CAs of device certificates: each of their certificates is evidence that a device is managed. */
export function checkClientCas({ settings, now }: DoctorContext): Finding[] {
  const { clientCa = [], crl = [] } = settings.gateway.tls ?? {}
  return [...clientCa.map((file) => checkCa(file, now())), ...crl.map(checkCrl)]
}

function checkCa(file: string, now: number): Finding {
  const certificate = readCertificate(file)
  if (typeof certificate === 'string') return fail(file, certificate, 'it has to be a CA certificate in PEM')
  if (!certificate.ca)
    return fail(file, 'it is no CA certificate', 'name the CA, not a certificate that it issued')
  return checkDates(file, certificate, now)
}

function checkCrl(file: string): Finding {
  try {
    if (readFileSync(file, 'latin1').includes('-----BEGIN X509 CRL-----')) return ok(file, 'is there')
    return fail(file, 'it is no revocation list in PEM', 'convert it: openssl crl -inform DER -in FILE')
  } catch (error) {
    return fail(file, `it cannot be read (${errorCode(error)})`, 'check the path in the settings')
  }
}
