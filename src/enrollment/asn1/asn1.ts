/**
 * ASN.1 as CMS, certificates and SCEP need it: reading DER and BER that a stranger has sent, within bounds of size,
 * depth and number of values, and writing DER. The only folder that knows node-forge, whose parser it uses behind its
 * own bounds; arithmetic is Node's (`node:crypto`), since forge's is a hundred times slower and has no elliptic curves.
 */

/** One value: either it holds others, or bytes. */
export interface Asn1 {
  /** Class (two highest bits) and number; without the bit that says constructed. */
  readonly tag: number
  /** Present exactly when the encoding is constructed. */
  readonly children?: readonly Asn1[]
  /** The content bytes of a primitive value; empty for a constructed one. */
  readonly bytes: Buffer
}

/** Tags as `Asn1.tag` has them. */
export const tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  t61String: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  universalString: 28,
  bmpString: 30,
} as const

/** The tag `[number]` of a context. */
export function context(number: number): number {
  return 0x80 | number
}

/** What was sent is not the ASN.1 that was expected. The message holds none of it. */
export class Asn1Error extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Asn1Error'
  }
}
