import { hash, timingSafeEqual } from 'node:crypto'
import { SignatureProblem } from './problem.ts'
import { parseByteSequences } from './structured-fields.ts'

/** RFC 9530: the active algorithms of its registry. */
const algorithms: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }

/**
 * Do the digests fit the body? Each that is known must; one at least has to be known.
 * @param values of Content-Digest, in their order
 * @throws SignatureProblem when the field is malformed or holds no digest that is known
 */
export function digestFits(values: readonly string[], body: Uint8Array): boolean {
  const digests = [...parseByteSequences(values.join(', '))].filter(([name]) =>
    Object.hasOwn(algorithms, name),
  )
  if (digests.length === 0)
    throw new SignatureProblem('malformed', 'Content-Digest has neither sha-256 nor sha-512')
  return digests.every(([name, digest]) => {
    const expected = hash(algorithms[name] ?? '', body, 'buffer')
    return digest.length === expected.length && timingSafeEqual(digest, expected)
  })
}
