import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { ClientCertificate, RequestHead } from '../domain/request-head.ts'
import { clientKey } from './client-key.ts'

/** The key of the certificate that the connection has proved: bound to the public key, not to a subject's text. */
function certificateKey(service: string, certificate: ClientCertificate): ClientKey {
  return clientKey(service, 'certificate', certificate.publicKeySha256)
}

/** The user whom the certificate names: UPN, else e-mail, else common name; in lower case. */
export function certificateUser(head: RequestHead): string | undefined {
  const certificate = head.connection.clientCertificate
  return (certificate?.upn ?? certificate?.email ?? certificate?.commonName)?.toLowerCase()
}

/**
 * Puts the certificate's key first. The certificate's user is not taken over here: a device certificate often names
 * the machine, and a protocol that learns the user at the sign-in must not see another name on the next request.
 * Protocols that never learn a user take `certificateUser`.
 */
export function withCertificate(
  service: string,
  head: RequestHead,
  identification: Identification,
): Identification {
  const certificate = head.connection.clientCertificate
  if (certificate === undefined) return identification
  return { ...identification, keys: [certificateKey(service, certificate), ...identification.keys] }
}
