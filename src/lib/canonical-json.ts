export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** JSON with the members of every object sorted by name and no spaces: equal values give equal text. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(sorted(value))
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]))
}
