/**
 * HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530): reading the fields strictly, building the signature
 * base, verifying and signing. Pure: keys, messages and times are handed in. Less than the RFC allows, on purpose: three
 * kinds of keys, components without parameters, and nothing that two readers could read in two ways.
 *
 * This file: a signature as its two fields give it.
 */
import { SignatureProblem } from './problem.ts'
import { type InnerList, parseByteSequences, parseInnerLists } from './structured-fields.ts'

export interface MessageSignature {
  readonly label: string
  /** Names of fields in lower case, and derived components with their `@`, in their order. */
  readonly components: readonly string[]
  readonly parameters: SignatureParameters
  /** As it stands in Signature-Input: its canonical form is the last line of what is signed. */
  readonly input: InnerList
  readonly bytes: Uint8Array
}

/** Times in seconds since the epoch. */
export interface SignatureParameters {
  readonly created?: number
  readonly expires?: number
  readonly nonce?: string
  readonly keyid?: string
  readonly alg?: string
  readonly tag?: string
}

/** The types that RFC 9421, section 2.3, gives them. */
const types = {
  created: 'number',
  expires: 'number',
  nonce: 'string',
  keyid: 'string',
  alg: 'string',
  tag: 'string',
} as const satisfies Record<keyof SignatureParameters, string>

const longestSignature = 1024

/**
 * The signatures of a message; none when it has neither field.
 * @param inputs the values of Signature-Input, in their order
 * @param signatures those of Signature
 * @throws SignatureProblem
 */
export function readSignatures(
  inputs: readonly string[],
  signatures: readonly string[],
): readonly MessageSignature[] {
  const lists = parseInnerLists(inputs.join(', '))
  const values = parseByteSequences(signatures.join(', '))
  if (lists.size !== values.size)
    throw new SignatureProblem('malformed', 'the two fields differ in their labels')
  return [...lists].map(([label, input]) => {
    const bytes = values.get(label)
    if (bytes === undefined) throw new SignatureProblem('malformed', 'the two fields differ in their labels')
    if (bytes.length === 0 || bytes.length > longestSignature)
      throw new SignatureProblem('malformed', 'a signature has no possible length')
    return { label, input, bytes, components: readComponents(input), parameters: readParameters(input) }
  })
}

function readComponents({ items }: InnerList): readonly string[] {
  const names: string[] = []
  for (const { value, parameters } of items) {
    if (typeof value !== 'string') throw new SignatureProblem('malformed', 'a component is no string')
    // `;sf`, `;key`, `;bs`, `;tr`, `;req`, `;name`: each another way to read a field.
    if (parameters.size > 0) throw new SignatureProblem('component', 'a component has a parameter')
    if (names.includes(value)) throw new SignatureProblem('malformed', 'a component stands there twice')
    names.push(value)
  }
  return names
}

function readParameters({ parameters }: InnerList): SignatureParameters {
  for (const [name, value] of parameters) {
    if (!Object.hasOwn(types, name)) throw new SignatureProblem('malformed', 'a parameter is unknown')
    // Own member: just looked.
    const type = types[name as keyof SignatureParameters]
    if (typeof value !== type || (typeof value === 'number' && value < 0))
      throw new SignatureProblem('malformed', `the parameter ${name} is no ${type}`)
  }
  return Object.fromEntries(parameters) as SignatureParameters // their types have been looked at
}
