export type Version = readonly number[]

/** `17.5.1`, also with something after it, `17.5.1 (21F90)`. Undefined when it is no version. Linear in the text. */
export function parseVersion(text: string): Version | undefined {
  const digits = /^\d{1,9}(?:\.\d{1,9}){0,5}(?=$|[ (])/.exec(text)?.[0]
  return digits === undefined ? undefined : digits.split('.').map(Number)
}

/** Missing numbers count as 0: 17 is 17.0. */
export function compareVersions(a: Version, b: Version): number {
  for (let i = 0; i < a.length || i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * Compiles `<17.5`, `>=14`, several of them with spaces between (all must hold), or a plain version, which covers its
 * point releases too. Undefined when the text is none of that.
 */
export function compileVersions(text: string): ((version: Version) => boolean) | undefined {
  const parts = text
    .trim()
    .split(/\s+(?=[<>=\d])/)
    .map(compilePart)
  if (parts.includes(undefined)) return undefined
  return (version) => parts.every((holds) => holds?.(version))
}

const operators = {
  '<': (order: number) => order < 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '>=': (order: number) => order >= 0,
} as const

function compilePart(text: string): ((version: Version) => boolean) | undefined {
  const [, operator, digits] = /^(<=|>=|<|>|)\s*(\d{1,9}(?:\.\d{1,9}){0,5})$/.exec(text) ?? []
  if (digits === undefined || operator === undefined) return undefined
  const wanted = digits.split('.').map(Number)
  if (operator === '') return (version) => wanted.every((number, i) => (version[i] ?? 0) === number)
  // The pattern lets no other operator through.
  const holds = operators[operator as keyof typeof operators]
  return (version) => holds(compareVersions(version, wanted))
}
