import type { X509Certificate } from 'node:crypto'
import { writePlist } from '../../lib/plist/write.ts'
import type { Identity } from '../cms/cms.ts'
import { sealEnvelope } from '../cms/seal-envelope.ts'
import { signData } from '../cms/sign-data.ts'
import type { BuiltProfile } from './build-profile.ts'

/** Who vouches for profiles, with the certificates that lead to what devices trust. */
export interface ProfileSigner {
  readonly identity: Identity
  readonly chain: readonly X509Certificate[]
}

/** The property list of the whole profile, unsigned. */
export function profilePlist({ frame, payloads }: BuiltProfile): Buffer {
  return writePlist({ ...frame, PayloadContent: payloads })
}

/**
 * The property list with its payloads encrypted to the device. What is encrypted is an array, without a dict around
 * it: the one property list whose top level is none.
 * @throws {CmsError} `algorithm` when the device's key is not RSA
 */
export function encryptedPlist({ frame, payloads }: BuiltProfile, recipient: X509Certificate): Buffer {
  const sealed = sealEnvelope({ content: writePlist(payloads), recipients: [recipient] })
  return writePlist({ ...frame, IsEncrypted: true, EncryptedPayloadContent: sealed })
}

/** CMS SignedData in DER around a property list. */
export function signProfile(plist: Buffer, { identity, chain }: ProfileSigner, now: number): Buffer {
  return signData({ content: plist, signer: identity, chain, signingTime: now })
}
