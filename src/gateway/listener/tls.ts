import { constants } from 'node:crypto'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
} from 'node:tls'
import type { Limits } from '../../domain/limits.ts'
import { tlsCiphers } from '../../lib/tls-ciphers.ts'
import type { ServerCertificate, TlsMaterial } from './tls-material.ts'

export interface TlsServer {
  /** Never listens: accepted connections are handed to it by its `connection` event. */
  readonly server: Server
  /** For connections from now on. Whether client certificates and HTTP/2 are offered stays as it was at start. */
  use(material: TlsMaterial): void
}

export function createTlsServer(material: TlsMaterial, limits: Limits): TlsServer {
  let contexts = contextsOf(material)
  const asksForCertificates = asksFor(material)
  const options: TlsOptions = {
    ...contextOptions(material, material.certificates[0]),
    ALPNProtocols: material.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    handshakeTimeout: limits.tlsHandshakeTimeout,
    requestCert: asksForCertificates,
    // A certificate that cannot be verified gets an answer that says so, not a broken connection.
    rejectUnauthorized: false,
    // Must not throw: names are hostile input.
    SNICallback: (name, done) => done(null, contexts(name)),
  }
  const server = createServer(options)
  return {
    server,
    use(next) {
      contexts = contextsOf(next)
      server.setSecureContext(contextOptions(next, next.certificates[0]))
    },
  }
}

function asksFor({ clientCa, ownCa }: TlsMaterial): boolean {
  return clientCa.length > 0 || ownCa !== undefined
}

function contextOptions(
  material: TlsMaterial,
  certificate: ServerCertificate | undefined,
): SecureContextOptions {
  const { clientCa, crl, ownCa = [] } = material
  const asks = asksFor(material)
  return {
    ...(certificate && { cert: certificate.cert, key: certificate.key }),
    ...(certificate?.passphrase !== undefined && { passphrase: certificate.passphrase }),
    // Also when it is empty: without it, Node would believe each public CA.
    ...(asks && { ca: [...clientCa, ...ownCa] }),
    // An issuing CA of an enterprise is believed for itself, without its root.
    ...(ownCa.length > 0 && { allowPartialTrustChain: true }),
    ...(crl.length > 0 && { crl: [...crl] }),
    minVersion: 'TLSv1.2',
    ciphers: tlsCiphers,
    honorCipherOrder: true,
    // A resumed session would keep a certificate that was revoked since.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (asks ? constants.SSL_OP_NO_TICKET : 0),
  }
}

/** Certificates by the name that the client asks for: exact, then `*.` for its first label, then the first certificate. */
function contextsOf(material: TlsMaterial): (name: string) => SecureContext | undefined {
  const byName = new Map<string, SecureContext>()
  for (const certificate of material.certificates) {
    const context = createSecureContext(contextOptions(material, certificate))
    for (const name of certificate.names) if (!byName.has(name)) byName.set(name, context)
  }
  return (name) => {
    const lower = name.toLowerCase()
    return byName.get(lower) ?? byName.get(`*${lower.slice(lower.indexOf('.'))}`)
  }
}
