import { checkWith } from '../lib/check-with.ts'
import { sha256 } from '../lib/hash.ts'
import { type Problem, problemAt, readYaml } from '../lib/yaml-document.ts'
import type { PolicyDocument } from './document.ts'
import { referenceMistakes } from './references.ts'
import { policyShape } from './shape.ts'

export type ParsedPolicy =
  | { readonly policy: PolicyDocument; readonly problems: readonly [] }
  | { readonly policy: undefined; readonly problems: readonly Problem[] }

/**
 * Reads `policy.yaml`. Every mistake is reported at once: of syntax alone when there are any, otherwise of shape and of references.
 *
 * @param fileName as it should stand in messages
 */
export function parsePolicy(text: string, fileName: string): ParsedPolicy {
  const document = readYaml(text, fileName)
  const checked = checkWith(policyShape, document)
  const references = referenceMistakes(document.value).map(({ path, message }) =>
    problemAt(document, path, message),
  )
  const problems = [...checked.problems, ...references].sort((a, b) => a.line - b.line || a.column - b.column)
  if (checked.value === undefined || problems.length > 0) return { policy: undefined, problems }
  return { policy: { ...checked.value, file: fileName, digest: sha256(text) }, problems: [] }
}
