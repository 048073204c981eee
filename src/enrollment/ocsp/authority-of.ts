import { createHash } from 'node:crypto'
import type { Authority } from '../ca/authority.ts'
import { namesOf } from '../cms/certificate-names.ts'
import type { CertificateId } from './request.ts'

interface Hashes {
  readonly name: Buffer
  readonly key: Buffer
}

/** Of each authority and digest once: authorities are few, and live as long as these. */
const known = new WeakMap<Authority, Map<CertificateId['digest'], Hashes>>()

/** Which authority the question is about: by the hashes of its name and of its key. */
export function authorityOf(
  { digest, nameHash, keyHash }: CertificateId,
  authorities: readonly Authority[],
): Authority | undefined {
  return authorities.find((authority) => {
    const { name, key } = hashesOf(authority, digest)
    return name.equals(nameHash) && key.equals(keyHash)
  })
}

function hashesOf(authority: Authority, digest: CertificateId['digest']): Hashes {
  const hashes = known.get(authority) ?? new Map<CertificateId['digest'], Hashes>()
  known.set(authority, hashes)
  const before = hashes.get(digest)
  if (before !== undefined) return before
  const { subject, publicKeyBits } = namesOf(authority.certificate)
  const made = {
    name: createHash(digest).update(subject).digest(),
    key: createHash(digest).update(publicKeyBits).digest(),
  }
  hashes.set(digest, made)
  return made
}
