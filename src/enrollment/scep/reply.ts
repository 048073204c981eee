import { randomBytes, type X509Certificate } from 'node:crypto'
import { oids } from '../asn1/oids.ts'
import { octetString, printableString, utf8String } from '../asn1/write.ts'
import type { Authority } from '../ca/authority.ts'
import type { Cipher, Digest } from '../cms/cms.ts'
import { sealEnvelope } from '../cms/seal-envelope.ts'
import { degenerate, signData, signWithoutContent } from '../cms/sign-data.ts'
import type { Envelope } from './message.ts'
import { failInfos, type ScepFailure } from './scep.ts'

/** To whom and by whom an answer is. */
export interface Reply {
  readonly to: Envelope
  readonly from: Authority
  readonly at: number
}

/** The certificate, encrypted to the key that asked; the issued one first, then those above it. */
export function successReply(
  { to, from, at }: Reply,
  { certificates, cipher }: { readonly certificates: readonly X509Certificate[]; readonly cipher: Cipher },
): Buffer {
  return signData({
    content: sealEnvelope({ content: degenerate(certificates), recipients: [to.signer], cipher }),
    signer: from,
    digest: answerDigest(to.digest),
    attributes: attributesOf(to, [[oids.pkiStatus, printableString('0')]]),
    signingTime: at,
  })
}

/** Signed, and without any content. */
export function failureReply({ to, from, at }: Reply, failure: ScepFailure): Buffer {
  return signWithoutContent({
    signer: from,
    digest: answerDigest(to.digest),
    attributes: attributesOf(to, [
      [oids.pkiStatus, printableString('2')],
      [oids.failInfo, printableString(String(failInfos[failure.failInfo]))],
      [oids.failInfoText, utf8String(failure.message)],
    ]),
    signingTime: at,
  })
}

function attributesOf(
  { transaction, senderNonce }: Envelope,
  more: readonly (readonly [string, Buffer])[],
): ReadonlyMap<string, Buffer> {
  return new Map([
    // Clients stop at any other type of string.
    [oids.messageType, printableString('3')],
    [oids.transactionId, printableString(transaction)],
    [oids.recipientNonce, octetString(senderNonce)],
    [oids.senderNonce, octetString(randomBytes(16))],
    ...more,
  ])
}

/** As the request, and never SHA-1. */
function answerDigest(digest: Digest): Exclude<Digest, 'sha1'> {
  return digest === 'sha1' ? 'sha256' : digest
}
