import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errorCode } from '../../settings/secret.ts'
import type { CertificateFiles } from '../../settings/settings.ts'
import { localTime } from '../output.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

const day = 86_400_000

/** The first certificate of a PEM file, or in words why there is none. */
export function readCertificate(file: string): X509Certificate | string {
  try {
    return new X509Certificate(readFileSync(file))
  } catch (error) {
    return `no certificate can be read from it (${errorCode(error)})`
  }
}

/** Does the key belong to the certificate? @returns what is wrong, or undefined */
export function keyMistake(
  certificate: X509Certificate,
  { key, passphrase }: CertificateFiles,
): string | undefined {
  try {
    const secret = passphrase === undefined ? {} : { passphrase: passphrase.reveal() }
    const privateKey = createPrivateKey({ key: readFileSync(key), ...secret })
    return certificate.checkPrivateKey(privateKey) ? undefined : 'the key belongs to another certificate'
  } catch (error) {
    return `the key cannot be read (${errorCode(error)})`
  }
}

/** Is it valid now, and for how long still? */
export function checkDates(about: string, certificate: X509Certificate, now: number): Finding {
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  if (from > now) {
    const advice = 'either the certificate or this machine’s clock is wrong: compare with `date`'
    return fail(about, `not valid before ${localTime(from)}`, advice)
  }
  if (to <= now)
    return fail(
      about,
      `expired at ${localTime(to)}`,
      'renew it; running gateways take the new file by themselves',
    )
  const days = Math.floor((to - now) / day)
  const message = `valid until ${localTime(to)} (${days} days)`
  // Certificates of a few days are renewed by a program; those of a year need a person.
  const soon = Math.min(30 * day, (to - from) / 4)
  return to - now < soon ? warn(about, message, 'renew it soon') : ok(about, message)
}
