import type { X509Certificate } from 'node:crypto'
import { decodeBase64 } from '../../lib/base64.ts'
import { CmsError } from '../cms/cms.ts'
import { verifySignedData } from '../cms/verify-signed-data.ts'
import { fingerprintOf } from './identities.ts'
import type { MdmRequest } from './mdm.ts'

/** A signature of 2048 bits with its certificate takes 4 KiB. */
const longestSignature = 10 * 1024

export type Signer =
  | { readonly certificate: X509Certificate }
  | { readonly problem: string; readonly cause?: unknown }

/**
 * The certificate whose key the device has proved: by TLS, by its signature over the body, or by both, which then
 * have to be the same. By whom it was issued is looked at later.
 */
export function signerOf(request: MdmRequest, options: { readonly sha1: boolean }): Signer {
  const { signature, clientCertificate } = request
  if (signature === undefined)
    return clientCertificate === undefined
      ? { problem: 'identity.missing' }
      : { certificate: clientCertificate }
  if (signature.length > longestSignature) return { problem: 'signature.too-large' }
  const message = decodeBase64(signature.replaceAll(/[ \t]+/g, ''))
  if (message === undefined) return { problem: 'signature.malformed' }
  try {
    const { signer } = verifySignedData(message, { detached: request.body, sha1: options.sha1 })
    if (clientCertificate !== undefined && fingerprintOf(clientCertificate) !== fingerprintOf(signer))
      return { problem: 'identity.two' }
    return { certificate: signer }
  } catch (cause) {
    if (!(cause instanceof CmsError)) throw cause
    return { problem: cause.problem === 'signature' ? 'signature.wrong' : 'signature.malformed', cause }
  }
}
