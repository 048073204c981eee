import type { X509Certificate } from 'node:crypto'
import type { Answer } from '../domain/answer.ts'
import type { PlistDict } from '../lib/plist/values.ts'
import { writePlist } from '../lib/plist/write.ts'
import { sealEnvelope } from './cms/seal-envelope.ts'

/** With what profiles are signed, and whose certificates devices get. */
export interface ProfileAuthority {
  /** The CA that issues now. */
  authority(): Promise<X509Certificate>
  /** Signs with the profile signer's certificate and its chain. @returns DER */
  signProfile(content: Buffer): Promise<Buffer>
}

const headers: Answer['headers'] = [
  ['Content-Type', 'application/x-apple-aspen-config'],
  ['Content-Disposition', 'attachment; filename="enrollment.mobileconfig"'],
]

/** How a profile travels: always signed, and encrypted where the device has a key for it already. */
export class ProfileDelivery {
  readonly #signer: ProfileAuthority

  constructor(signer: ProfileAuthority) {
    this.#signer = signer
  }

  authority(): Promise<X509Certificate> {
    return this.#signer.authority()
  }

  /** As `signed` would be announced, of none. */
  announced(): Answer {
    return { status: 200, headers, body: '' }
  }

  async signed(profile: PlistDict): Promise<Answer> {
    return {
      status: 200,
      headers,
      body: await this.#signer.signProfile(writePlist(profile)),
    }
  }

  /**
   * What is encrypted is the array of payloads alone, not the profile; what stays outside says what the profile is called. Only the
   * device that has asked can read the challenge in it.
   */
  encrypted(profile: PlistDict, recipient: X509Certificate): Promise<Answer> {
    const { PayloadContent: content = [], ...outside } = profile
    const sealed = sealEnvelope({ content: writePlist(content), recipients: [recipient] })
    return this.signed({ ...outside, IsEncrypted: true, EncryptedPayloadContent: sealed })
  }
}
