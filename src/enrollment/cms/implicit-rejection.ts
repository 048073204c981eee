import { constants, createPublicKey, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'

/**
 * Makes sure that this Node gives garbage for a badly padded key transport, and no error: with an error, the SCEP port
 * would be an oracle by which strangers decrypt. Checked at start with the key that is going to be used.
 *
 * @throws {Error} when this Node cannot be used for it
 */
export function checkImplicitRejection(key: KeyObject): void {
  const length = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8
  const badlyPadded = Buffer.alloc(length, 1)
  badlyPadded[0] = 0
  const ciphertext = publicEncrypt(
    { key: createPublicKey(key), padding: constants.RSA_NO_PADDING },
    badlyPadded,
  )
  try {
    privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, ciphertext)
  } catch (cause) {
    throw new Error(
      'This Node.js tells bad RSA padding by an error, which would let strangers decrypt: use Node.js 24 or later',
      { cause },
    )
  }
}
