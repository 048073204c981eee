import { nearMatch } from '../lib/near-match.ts'
import type { KeyPath } from '../lib/yaml-document.ts'

export interface ReferenceMistake {
  readonly path: KeyPath
  readonly message: string
}

const maxNesting = 16

/**
 * What the shape of the file cannot say: networks that do not exist, rule names that stand twice, conditions nested too deep. Looks
 * at the values as they are, right or wrong in shape, so that these mistakes are told together with the others.
 */
export function referenceMistakes(value: unknown): ReferenceMistake[] {
  const policy = mapping(value)
  const networks = Object.keys(mapping(policy.networks))
  const ruleNames = new Set<string>()
  const mistakes: ReferenceMistake[] = []
  for (const list of ['registration', 'access']) {
    for (const [index, rule] of items(policy[list]).entries()) {
      const { name, when } = mapping(rule)
      if (typeof name === 'string' && ruleNames.has(name)) {
        mistakes.push({
          path: [list, index, 'name'],
          message: `another rule is called ${name}; names are unique`,
        })
      }
      if (typeof name === 'string') ruleNames.add(name)
      mistakes.push(...whenMistakes(when, { path: [list, index, 'when'], networks, depth: 1 }))
    }
  }
  return mistakes
}

interface Place {
  readonly path: KeyPath
  readonly networks: readonly string[]
  readonly depth: number
}

function whenMistakes(when: unknown, place: Place): ReferenceMistake[] {
  const { path, depth } = place
  if (depth > maxNesting) return [{ path, message: `conditions nest at most ${maxNesting} levels deep` }]
  const inside = (value: unknown, ...steps: KeyPath) =>
    whenMistakes(value, { ...place, path: [...path, ...steps], depth: depth + 1 })
  const { network, not, any, all } = mapping(when)
  // Looks like a slip, and would mean "always", and "never" under `not`.
  const isEmpty = typeof when === 'object' && when !== null && Object.keys(when).length === 0
  return [
    ...(isEmpty ? [{ path, message: 'is empty: leave it out for a rule that always holds' }] : []),
    ...networkMistakes(network, { ...place, path: [...path, 'network'] }),
    ...(not === undefined ? [] : inside(not, 'not')),
    ...items(any).flatMap((value, index) => inside(value, 'any', index)),
    ...items(all).flatMap((value, index) => inside(value, 'all', index)),
  ]
}

function networkMistakes(value: unknown, { path, networks }: Place): ReferenceMistake[] {
  const mistake = (name: unknown, at: KeyPath): ReferenceMistake[] => {
    if (typeof name !== 'string' || networks.includes(name)) return []
    const near = nearMatch(name, networks)
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    const known = networks.length === 0 ? 'there are none' : `there are: ${networks.join(', ')}`
    return [{ path: at, message: `there is no network ${name} under networks.${hint} (${known})` }]
  }
  return Array.isArray(value)
    ? value.flatMap((name, index) => mistake(name, [...path, index]))
    : mistake(value, path)
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isMapping ? (value as Record<string, unknown>) : {} // checked just now
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
