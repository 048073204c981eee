import { X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CertificateAndKey, type CertificateRequest, issueCertificate } from './certificates.ts'

export interface EvaluationCertificates {
  readonly ca: CertificateAndKey
  readonly gateway: CertificateAndKey
  readonly deviceCa: CertificateAndKey
  readonly device: CertificateAndKey
}

/** The names that the evaluation's services have; `*.localhost` is this machine for curl and browsers. */
export const evaluationHosts = [
  'chat.localhost',
  'mail.localhost',
  'matrix.localhost',
  'lync.localhost',
  'sso.localhost',
  'api.localhost',
  'register.localhost',
  'mdm.localhost',
  'localhost',
]

/** Whom the simulated push service knows the evaluation by; Apple gives each customer another. */
const pushTopic = 'com.apple.mgmt.External.evaluation'

/**
 * Makes the certificates that are missing, expired or without a name of theirs in `folder`, as `NAME.crt` and `NAME.key`;
 * keeps the others. A certificate whose CA had to be made anew is made anew as well.
 * @returns the names of those that were made, in the order of the alphabet
 */
export async function ensureCertificates(folder: string, now: number): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true })
  const files = new CertificateFolder(folder, now)
  const notBefore = now - 60 * 60 * 1000
  // Making keys takes most of a first start: those that do not wait for each other are made side by side.
  const servers = async () => {
    const ca = await files.ensure('ca', authority('Gatehouse evaluation CA', notBefore))
    const gateway = files.ensure('gateway', gatewayRequest(ca, notBefore))
    await Promise.all([gateway, files.ensure('push', pushRequest(ca, notBefore))])
  }
  const devices = async () => {
    const ca = await files.ensure('device-ca', authority('Gatehouse evaluation device CA', notBefore))
    await files.ensure('device', deviceRequest(ca, notBefore))
  }
  await Promise.all([servers(), devices()])
  return files.made.toSorted()
}

/** The same set, in memory. */
export async function makeCertificates(now: number): Promise<EvaluationCertificates> {
  const notBefore = now - 60 * 60 * 1000
  const [ca, deviceCa] = await Promise.all([
    issueCertificate(authority('Gatehouse evaluation CA', notBefore)),
    issueCertificate(authority('Gatehouse evaluation device CA', notBefore)),
  ])
  const [gateway, device] = await Promise.all([
    issueCertificate(gatewayRequest(ca, notBefore)),
    issueCertificate(deviceRequest(deviceCa, notBefore)),
  ])
  return { ca, gateway, deviceCa, device }
}

function authority(commonName: string, notBefore: number): CertificateRequest {
  return { commonName, use: 'authority', notBefore, days: 3650 }
}

function gatewayRequest(issuer: CertificateAndKey, notBefore: number): CertificateRequest {
  const commonName = 'chat.localhost'
  return {
    commonName,
    issuer,
    use: 'server',
    dnsNames: evaluationHosts,
    addresses: ['127.0.0.1'],
    notBefore,
    days: 825,
  }
}

function deviceRequest(issuer: CertificateAndKey, notBefore: number): CertificateRequest {
  return { commonName: 'alice', issuer, use: 'client', email: 'alice@example.com', notBefore, days: 825 }
}

/** For the simulated push service alone: Apple's are from Apple. */
function pushRequest(issuer: CertificateAndKey, notBefore: number): CertificateRequest {
  const commonName = 'Evaluation push certificate'
  return { commonName, issuer, use: 'client', uid: pushTopic, notBefore, days: 825 }
}

class CertificateFolder {
  readonly made: string[] = []
  readonly #folder: string
  readonly #now: number
  readonly #remade = new Set<string>()

  constructor(folder: string, now: number) {
    this.#folder = folder
    this.#now = now
  }

  async ensure(name: string, request: CertificateRequest): Promise<CertificateAndKey> {
    const certificatePath = join(this.#folder, `${name}.crt`)
    const keyPath = join(this.#folder, `${name}.key`)
    const issuerRemade = request.issuer !== undefined && this.#remade.has(request.issuer.certificate)
    if (!issuerRemade && existsSync(certificatePath) && existsSync(keyPath)) {
      const certificate = readFileSync(certificatePath, 'utf8')
      if (isUsable(new X509Certificate(certificate), request, this.#now))
        return { certificate, key: readFileSync(keyPath, 'utf8') }
    }
    const issued = await issueCertificate(request)
    writePrivate(keyPath, issued.key)
    writeFileSync(certificatePath, issued.certificate)
    this.made.push(name)
    this.#remade.add(issued.certificate)
    return issued
  }
}

function isUsable(certificate: X509Certificate, { dnsNames = [] }: CertificateRequest, now: number): boolean {
  if (Date.parse(certificate.validTo) <= now) return false
  return dnsNames.every((name) => certificate.checkHost(name) !== undefined)
}

/** The mode of `writeFileSync` holds only for a file that it creates. */
function writePrivate(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  chmodSync(path, 0o600)
}
