import { X509Certificate } from 'node:crypto'
import { Asn1Error, tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { childrenOf, oidOf, readAsn1, tagged } from '../asn1/read.ts'
import { encode } from '../asn1/write.ts'
import { CmsError } from './cms.ts'

/** The certificates of a message that holds nothing else. @throws {CmsError} */
export function readDegenerate(message: Buffer): readonly X509Certificate[] {
  try {
    const [type, wrapped] = childrenOf(readAsn1(message))
    if (oidOf(type) !== oids.signedData) throw new CmsError('unsupported', 'Not signed data')
    const within = tagged(childrenOf(childrenOf(wrapped, 0x80)[0]), 0)
    const nodes =
      within === undefined ? [] : childrenOf(within, 0x80).filter(({ tag }) => tag === tags.sequence)
    return nodes.map((node) => new X509Certificate(encode(node)))
  } catch (error) {
    if (!(error instanceof Asn1Error)) throw error
    throw new CmsError('malformed', 'Not a list of certificates', { cause: error })
  }
}
