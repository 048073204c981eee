/**
 * The evaluation's public key infrastructure: a CA for servers, a CA for devices, a gateway certificate and one
 * device certificate. Keys come from node:crypto, certificates from node-forge. In production all of these are the
 * administrator's own.
 */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'

const generate = promisify(generateKeyPair)
const day = 24 * 60 * 60 * 1000

/** PEM texts. */
export interface CertificateAndKey {
  readonly certificate: string
  readonly key: string
}

export interface CertificateRequest {
  readonly commonName: string
  /** Undefined: the certificate signs itself. */
  readonly issuer?: CertificateAndKey
  readonly use: 'authority' | 'server' | 'client'
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
  readonly email?: string
  /** The subject's UID (RFC 4519): the topic of an MDM push certificate. */
  readonly uid?: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  /** Browsers refuse server certificates above 825 days. */
  readonly days: number
}

/** Makes a fresh RSA-2048 key and a certificate for it. */
export async function issueCertificate(request: CertificateRequest): Promise<CertificateAndKey> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  const subject = [
    { name: 'organizationName', value: 'Gatehouse evaluation' },
    { name: 'commonName', value: request.commonName },
    ...(request.uid === undefined ? [] : [{ type: '0.9.2342.19200300.100.1.1', value: request.uid }]),
  ]
  const issuer = request.issuer && forge.pki.certificateFromPem(request.issuer.certificate)
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = randomSerialNumber()
  certificate.validity.notBefore = new Date(request.notBefore)
  certificate.validity.notAfter = new Date(request.notBefore + request.days * day)
  certificate.setSubject(subject)
  certificate.setIssuer(issuer?.subject.attributes ?? subject)
  certificate.setExtensions(extensions(request, issuer ?? certificate))
  certificate.sign(forge.pki.privateKeyFromPem(request.issuer?.key ?? privateKey), forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate).replaceAll('\r', ''), key: privateKey }
}

function extensions(request: CertificateRequest, issuer: forge.pki.Certificate): object[] {
  const authority = request.use === 'authority'
  const names = alternativeNames(request)
  return [
    { name: 'basicConstraints', critical: true, cA: authority },
    authority
      ? { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true }
      : { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    ...(request.use === 'server' ? [{ name: 'extKeyUsage', serverAuth: true }] : []),
    ...(request.use === 'client' ? [{ name: 'extKeyUsage', clientAuth: true }] : []),
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
    ...(names.length > 0 ? [{ name: 'subjectAltName', altNames: names }] : []),
  ]
}

/** GeneralName tags of RFC 5280, section 4.2.1.6. */
function alternativeNames(request: CertificateRequest): object[] {
  return [
    ...(request.dnsNames ?? []).map((value) => ({ type: 2, value })),
    ...(request.addresses ?? []).map((ip) => ({ type: 7, ip })),
    ...(request.email === undefined ? [] : [{ type: 1, value: request.email }]),
  ]
}

/** 16 random bytes, positive and of full length: RFC 5280, section 4.1.2.2. */
function randomSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}
