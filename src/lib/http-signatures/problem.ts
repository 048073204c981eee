/** What is wrong with a signature, without any of its contents. */
export type SignatureFault =
  /** A field breaks the rules of its format, or something stands there twice. */
  | 'malformed'
  /** The signature covers something that this code does not know, or that the message does not have. */
  | 'component'
  /** `alg` is not the algorithm of the key. */
  | 'algorithm'
  /** The key is of no type that may sign. */
  | 'key'

/** The message names the rule, never the input. */
export class SignatureProblem extends Error {
  readonly fault: SignatureFault

  constructor(fault: SignatureFault, rule: string, options?: ErrorOptions) {
    super(rule, options)
    this.name = 'SignatureProblem'
    this.fault = fault
  }
}
