import { type Refused, refuse } from './refused.ts'

/** What HTTP/2 says in its pseudo-fields, apart from the fields. */
export interface PseudoFields {
  readonly method: string
  readonly scheme: string
  readonly authority: string | undefined
  readonly path: string
  /** Name, value, name, value. */
  readonly rawHeaders: readonly string[]
}

interface Found {
  ':method'?: string
  ':scheme'?: string
  ':authority'?: string
  ':path'?: string
}

/** RFC 9113 8.3.1: one each, before the fields, and no others. Extended CONNECT (`:protocol`) is not offered. */
export function parsePseudoFields(rawHeaders: readonly string[]): PseudoFields | Refused {
  const found: Found = {}
  let i = 0
  for (; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (!name.startsWith(':')) break
    if (name !== ':method' && name !== ':scheme' && name !== ':authority' && name !== ':path') {
      return refuse('http.malformed', 'an unknown pseudo-field')
    }
    if (found[name] !== undefined) return refuse('http.field-repeated', `${name} stands twice`)
    found[name] = rawHeaders[i + 1] as string
  }
  const { ':method': method, ':scheme': scheme, ':path': path, ':authority': authority } = found
  if (method === 'CONNECT') return refuse('http.method', 'the method is not allowed')
  if (method === undefined || scheme === undefined || path === undefined) {
    return refuse('http.malformed', 'a pseudo-field is missing')
  }
  // A pseudo-field among the fields is refused there: a colon is no part of a name.
  return { method, scheme, authority, path, rawHeaders: rawHeaders.slice(i) }
}
