import { createPublicKey, type X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { CaSettings } from '../../settings/build-ca.ts'
import type { Store } from '../../store/ports.ts'
import type { Identity } from '../cms/cms.ts'
import { readIdentity } from './authority.ts'
import { type CertificateService, certificatesOf } from './certificate-service.ts'
import { certificateOf } from './issue.ts'
import { generateKey, KeyFileError, keyPath, readKey, writeKey } from './key-files.ts'

/** What profiles are signed with, and the certificates that go along. */
export interface ProfileSigner extends Identity {
  readonly chain: readonly X509Certificate[]
}

export interface ProfileSignerOptions {
  readonly settings: CaSettings
  readonly service: CertificateService
  readonly certificates: Pick<Store['certificates'], 'ofEnrollment'>
  readonly now: () => number
}

/** The name in the certificate, and of the key's file; no enrollment can have it. */
const name = 'profiles'
const keyBits = 2048
const renewBefore = 60 * 24 * 60 * 60 * 1000

/**
 * The files of the settings are read for each profile, so that new ones count at once. While they cannot be used, those
 * before stay.
 */
export function keepProfileSigner(
  open: () => Promise<ProfileSigner>,
  onCondition: (error: KeyFileError | undefined) => void,
): () => Promise<ProfileSigner> {
  let last: ProfileSigner | undefined
  return async () => {
    try {
      last = await open()
      onCondition(undefined)
    } catch (error) {
      if (!(error instanceof KeyFileError) || last === undefined) throw error
      onCondition(error)
    }
    return last
  }
}

/** The certificate of the settings, or one of our CA, renewed well before it ends. @throws {KeyFileError} */
export async function openProfileSigner(options: ProfileSignerOptions): Promise<ProfileSigner> {
  const { settings, service, certificates, now } = options
  if (settings.profileSigner !== undefined) return readIdentity(settings.profileSigner)
  const key = await ownKey(settings)
  const known = (await certificates.ofEnrollment(name))
    .filter(({ purpose, revoked, notAfter, authority }) => {
      const lasts = notAfter - now() > Math.min(renewBefore, settings.validity / 3)
      return purpose === 'profiles' && revoked === undefined && lasts && authority === service.issuing.id
    })
    .map(certificateOf)
    .find((certificate) => certificate.checkPrivateKey(key))
  if (known !== undefined) return signer(known)
  const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const issued = await service.issue({ publicKeyInfo, purpose: 'profiles', enrollment: name })
  if (issued.outcome !== 'issued') throw new Error('The certificate for profiles could not be issued')
  return signer(certificateOf(issued.certificate))

  function signer(certificate: X509Certificate): ProfileSigner {
    return { certificate, key, chain: certificatesOf(service.issuing).filter((one) => !signsItself(one)) }
  }
}

/** A root is never sent along: devices that trust it have it, the others must not believe it for that. */
function signsItself(certificate: X509Certificate): boolean {
  return certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey)
}

async function ownKey(settings: CaSettings) {
  if (!existsSync(keyPath(settings, name))) {
    // Another process may do the same at this moment; the first file stays.
    await writeKey(settings, name, await generateKey(keyBits)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return readKey(keyPath(settings, name), settings.passphrase)
}
