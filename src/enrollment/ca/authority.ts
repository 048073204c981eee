/**
 * The certificate authority of enrolled devices: makes its own root, or takes an enterprise CA's certificate and key;
 * issues identities, revokes them, and lists what it has revoked. The record holds certificates; private keys are files.
 * One self-signed RSA certificate does everything (issues, signs and decrypts SCEP messages): of all arrangements this is
 * the one that every SCEP client understands.
 */
import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { CertificateAuthority } from '../../domain/issued-certificate.ts'
import type { CaSettings, IdentityFiles } from '../../settings/build-ca.ts'
import type { Identity } from '../cms/cms.ts'
import { buildCertificate, extensions, keyIdentifier, nameOf } from './build-certificate.ts'
import { generateKey, KeyFileError, keyPath, readKey, writeKey } from './key-files.ts'

/** An authority with its key, ready to sign. */
export interface Authority extends Identity {
  readonly id: string
  /** The certificates above it, the root last. */
  readonly chain: readonly X509Certificate[]
}

export interface NewAuthority {
  readonly id: string
  readonly organisation: string
  /** Of the RSA key. */
  readonly bits: number
  readonly at: number
}

const day = 24 * 60 * 60 * 1000
const authorityLife = 10 * 365 * day
/** Clocks of devices are wrong by minutes. */
export const clockSkew = 10 * 60 * 1000

/** Makes a root that issues itself, and stores its key. @returns what goes into the record */
export async function createAuthority(
  { id, organisation, bits, at }: NewAuthority,
  settings: CaSettings,
): Promise<CertificateAuthority> {
  const key = await generateKey(bits)
  const certificate = selfSigned(key, { organisation, at })
  await writeKey(settings, id, key)
  return { id, kind: 'own', certificate: pemOf(certificate), chain: '', createdAt: at }
}

function selfSigned(
  key: KeyObject,
  { organisation, at }: Pick<NewAuthority, 'organisation' | 'at'>,
): X509Certificate {
  const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const identifier = keyIdentifier(publicKeyInfo)
  // The year tells people which of two is the newer one.
  const name = nameOf({
    organisation,
    commonName: `${organisation} Device CA ${new Date(at).toISOString().slice(0, 10)}`,
  })
  const der = buildCertificate(
    {
      serial: newSerial(),
      issuer: name,
      subject: name,
      publicKeyInfo,
      notBefore: at - clockSkew,
      notAfter: at + authorityLife,
      extensions: [
        extensions.authority(),
        // SCEP clients want both bits of whoever signs and decrypts messages (RFC 8894, 3.1).
        extensions.usage('digitalSignature', 'keyEncipherment', 'keyCertSign', 'cRLSign'),
        extensions.subjectKey(identifier),
        extensions.authorityKey(identifier),
      ],
    },
    key,
  )
  return new X509Certificate(der)
}

/** Certificate and key of an enterprise CA, checked. @throws {KeyFileError} */
export async function readExternal(
  files: IdentityFiles,
  { id, at }: Pick<NewAuthority, 'id' | 'at'>,
): Promise<CertificateAuthority> {
  const { certificate, chain, key } = await readIdentity(files)
  if (!certificate.ca) throw new KeyFileError(files.cert, 'is not the certificate of a CA')
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    throw new KeyFileError(files.key, 'must be RSA of 2048 bits or more: SCEP encrypts to it')
  return {
    id,
    kind: 'external',
    certificate: pemOf(certificate),
    chain: chain.map(pemOf).join(''),
    createdAt: at,
  }
}

/** @throws {KeyFileError} when a file is missing or malformed, or the key is another one's */
export async function readIdentity(files: IdentityFiles): Promise<Omit<Authority, 'id'>> {
  const [first, ...chain] = certificatesIn(await readText(files.cert), files.cert)
  const key = await readKey(files.key, files.passphrase)
  if (first === undefined) throw new KeyFileError(files.cert, 'holds no certificate')
  if (!first.checkPrivateKey(key)) throw new KeyFileError(files.key, `is not the key of ${files.cert}`)
  return { certificate: first, chain, key }
}

/** The authority as the record has it, with its key. @throws {KeyFileError} */
export async function openAuthority(
  authority: CertificateAuthority,
  settings: CaSettings,
): Promise<Authority> {
  const external = authority.kind === 'external' ? settings.external : undefined
  if (authority.kind === 'external' && external === undefined)
    throw new KeyFileError(authority.id, '`enrollment.ca.external` names no files for this authority')
  const path = external?.key ?? keyPath(settings, authority.id)
  const key = await readKey(path, external === undefined ? settings.passphrase : external.passphrase)
  const certificate = new X509Certificate(authority.certificate)
  if (!certificate.checkPrivateKey(key))
    throw new KeyFileError(path, `is not the key of authority ${authority.id}`)
  return { id: authority.id, certificate, key, chain: certificatesIn(authority.chain, authority.id) }
}

function certificatesIn(pem: string, where: string): X509Certificate[] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  try {
    return texts.map((text) => new X509Certificate(text))
  } catch (cause) {
    throw new KeyFileError(where, 'is not a certificate in PEM', { cause })
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new KeyFileError(path, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

function pemOf(certificate: X509Certificate): string {
  return certificate.toString()
}

/** 127 random bits: positive, of the same length for all but a few, and nobody guesses the next one. */
export function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}
