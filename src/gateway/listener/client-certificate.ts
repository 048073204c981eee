import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../../domain/request-head.ts'
import type { PresentedCertificate } from './connection.ts'

const clientAuth = '1.3.6.1.5.5.7.3.2'

/**
 * The certificate that the client showed in this handshake. OpenSSL has checked its chain up to `clientCa`, its dates
 * and the revocation lists; here: that it is meant for clients.
 *
 * @returns undefined when the client showed none
 */
export function presentedCertificate(socket: TLSSocket): PresentedCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  // The type says Error; Node gives OpenSSL's code as text as well.
  if (!socket.authorized) return { problem: String(codeOf(socket.authorizationError)) }
  // Node calls the extended key usage `keyUsage`.
  if (!(certificate.keyUsage ?? []).includes(clientAuth))
    return { problem: 'not for TLS clients (extended key usage)' }
  return { verified: describeCertificate(certificate) }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : error
}

/** What the rest of the gateway sees of a certificate that was verified. */
export function describeCertificate(certificate: X509Certificate): ClientCertificate {
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const names = alternativeNames(certificate.subjectAltName)
  const commonName = /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1]
  const email = names.get('email')
  const upn = names.get('othername:UPN')
  return {
    publicKeySha256: createHash('sha256').update(publicKey).digest('base64url'),
    serialNumber: certificate.serialNumber,
    issuer: certificate.issuer,
    subject: certificate.subject,
    ...(commonName !== undefined && { commonName }),
    ...(email !== undefined && { email }),
    ...(upn !== undefined && { upn }),
    notAfter: certificate.validToDate.getTime(),
  }
}

/**
 * The first e-mail and UPN. Node writes `email:a@b, othername:UPN:c@d` and puts what follows the kind in quotes as JSON where it
 * holds a comma, a quote, an apostrophe or a backslash (`othername:"UPN:o'neil"`), so that a value cannot pass for a further name.
 * Such a name counts as well: the common name would stand for its owner else, and in an enrolled device's certificate that is what
 * the device has called itself.
 */
function alternativeNames(text: string | undefined): Map<string, string> {
  const names = new Map<string, string>()
  const entry = /([^:"]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y
  const list = text ?? ''
  for (let match = entry.exec(list); match !== null && match[0] !== ''; match = entry.exec(list)) {
    const [, kind, written] = match as unknown as [string, string, string] // both groups always take part
    const [name, value] = nameAndValue(kind, written.startsWith('"') ? unquoted(written) : written)
    if (!names.has(name)) names.set(name, value)
  }
  return names
}

/** `othername` says its own kind before its value. */
function nameAndValue(kind: string, value: string): readonly [string, string] {
  const colon = kind === 'othername' ? value.indexOf(':') : -1
  return colon < 0 ? [kind, value] : [`othername:${value.slice(0, colon)}`, value.slice(colon + 1)]
}

/** As Node quotes: JSON. A name with control characters stays as it is written, in its quotes, and is nobody's. */
function unquoted(literal: string): string {
  try {
    const text = String(JSON.parse(literal))
    return /\p{Cc}/u.test(text) ? literal : text
  } catch {
    return literal
  }
}
