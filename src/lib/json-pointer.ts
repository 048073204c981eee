/** JSON Pointer (RFC 6901): `/data/items/0/name`; empty is the whole value. `~1` stands for `/`, `~0` for `~`. */
export const jsonPointerPattern = /^(?:\/(?:[^~/]|~[01])*)*$/

export type JsonPointer = readonly string[]

/** @throws RangeError when the text is no pointer */
export function parseJsonPointer(text: string): JsonPointer {
  if (!jsonPointerPattern.test(text)) throw new RangeError(`not a JSON pointer: ${text.slice(0, 100)}`)
  return text
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** @returns undefined when there is nothing; only own members count, so that `/constructor` is nothing */
export function atJsonPointer(value: unknown, pointer: JsonPointer): unknown {
  let found = value
  for (const token of pointer) {
    if (typeof found !== 'object' || found === null) return undefined
    if (Array.isArray(found) && !/^(?:0|[1-9]\d{0,8})$/.test(token)) return undefined
    if (!Object.hasOwn(found, token)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[token] // an own member, or an array's element
  }
  return found
}
