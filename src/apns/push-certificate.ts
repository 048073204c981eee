import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import forge from 'node-forge'
import { errorCode } from '../lib/error-code.ts'

/** The MDM push certificate, ready for TLS. */
export interface PushCertificate {
  /** PEM: the certificate, then its intermediates. */
  readonly cert: string
  /** PEM, not encrypted. */
  readonly key: string
  /** The subject's UID, `com.apple.mgmt.…`: every enrolled device was told it, and answers to no other. */
  readonly topic: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** SHA-256 of its DER. */
  readonly fingerprint: string
}

export interface PushCertificateFiles {
  /** PEM or PKCS #12. */
  readonly certificate: string
  /** The PEM key where it is a file of its own. */
  readonly key?: string
  readonly passphrase?: { reveal(): string }
  /** When given, a certificate of another topic is refused. */
  readonly topic?: string
}

/** Why the files cannot be used, in words for administrators; never their content. */
export class PushCertificateUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PushCertificateUnusable'
  }
}

/** @throws PushCertificateUnusable */
export function readPushCertificate(files: PushCertificateFiles): PushCertificate {
  const bytes = readBounded(files.certificate)
  const text = bytes.toString('latin1')
  const { cert, key } = text.includes('-----BEGIN')
    ? fromPem(text, files)
    : fromPkcs12(bytes, files.passphrase?.reveal() ?? '', files.certificate)
  try {
    return checked(cert, key, files)
  } catch (cause) {
    if (cause instanceof PushCertificateUnusable) throw cause
    // Half of it is written, say.
    throw new PushCertificateUnusable(`${files.certificate} holds no certificate that can be read`, { cause })
  }
}

/** A change of either file, without reading them. */
export function stampOf({ certificate, key }: PushCertificateFiles): string {
  return [certificate, key]
    .filter((file) => file !== undefined)
    .map((file) => {
      try {
        const { mtimeMs, size, ino } = statSync(file)
        return `${mtimeMs}:${size}:${ino}`
      } catch (error) {
        return errorCode(error)
      }
    })
    .join()
}

const mostBytes = 256 * 1024

function readBounded(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new PushCertificateUnusable(`${file} cannot be read`, { cause })
  }
  if (bytes.length === 0 || bytes.length > mostBytes)
    throw new PushCertificateUnusable(`${file} is no certificate: it has ${bytes.length} bytes`)
  return bytes
}

function fromPem(text: string, { key, certificate, passphrase }: PushCertificateFiles) {
  const certs = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g)
  if (certs === null) throw new PushCertificateUnusable(`${certificate} holds no certificate`)
  const keyText = key === undefined ? text : readBounded(key).toString('latin1')
  const block = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]+?-----END \1PRIVATE KEY-----/.exec(keyText)?.[0]
  if (block === undefined) throw new PushCertificateUnusable(`${key ?? certificate} holds no private key`)
  try {
    const options = { key: block, ...(passphrase && { passphrase: passphrase.reveal() }) }
    const plain = createPrivateKey(options).export({ type: 'pkcs8', format: 'pem' }).toString()
    return { cert: certs.join('\n'), key: plain }
  } catch (cause) {
    throw new PushCertificateUnusable(
      `the key in ${key ?? certificate} cannot be opened: is the passphrase right?`,
      {
        cause,
      },
    )
  }
}

/** Apple's Keychain exports PKCS #12 with ciphers that OpenSSL 3 does not open any more; forge does. */
function fromPkcs12(bytes: Buffer, passphrase: string, file: string) {
  try {
    const p12 = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(bytes.toString('binary')), passphrase)
    const bagsOf = (type: string) => p12.getBags({ bagType: type })[type] ?? []
    const { pkcs8ShroudedKeyBag, keyBag, certBag } = forge.pki.oids as Record<string, string>
    const key = [...bagsOf(pkcs8ShroudedKeyBag ?? ''), ...bagsOf(keyBag ?? '')][0]?.key
    const certs = bagsOf(certBag ?? '').flatMap(({ cert }) =>
      cert ? [forge.pki.certificateToPem(cert)] : [],
    )
    if (!key || certs.length === 0) throw new Error('no key or no certificate in it')
    return { cert: certs.join('\n'), key: forge.pki.privateKeyToPem(key) }
  } catch (cause) {
    throw new PushCertificateUnusable(
      `${file} is neither PEM nor a PKCS #12 file that opens with the passphrase`,
      { cause },
    )
  }
}

function checked(
  chain: string,
  key: string,
  { certificate, topic: wanted }: PushCertificateFiles,
): PushCertificate {
  const certs = chain.split(/(?<=-----END CERTIFICATE-----)\s*/).filter((pem) => pem.includes('BEGIN'))
  const privateKey = createPrivateKey(key)
  const own = certs.map((pem) => new X509Certificate(pem)).find((one) => one.checkPrivateKey(privateKey))
  if (own === undefined)
    throw new PushCertificateUnusable(`the key does not belong to the certificate in ${certificate}`)
  const topic = /^UID=(com\.apple\.mgmt\.[\w.-]+)$/m.exec(own.subject)?.[1]
  if (topic === undefined)
    throw new PushCertificateUnusable(
      `${certificate} is no MDM push certificate: its subject has no UID that begins with com.apple.mgmt.`,
    )
  if (wanted !== undefined && topic !== wanted)
    throw new PushCertificateUnusable(
      `${certificate} is for the topic ${topic}, and enrolled devices answer to ${wanted} alone: renew the old certificate instead of making a new one`,
    )
  const others = certs.filter((pem) => new X509Certificate(pem).fingerprint256 !== own.fingerprint256)
  return {
    cert: [own.toString(), ...others].join('\n'),
    key,
    topic,
    notAfter: own.validToDate.getTime(),
    fingerprint: own.fingerprint256,
  }
}
