import { VendorError } from '../connector.ts'

/** Longer texts are neither a token nor a value of a device: they are left out, so that they get nowhere near the record. */
const longestText = 16 * 1024
const deepest = 32

/**
 * A page as JSON, with texts above 16 Ki characters left out.
 * @param about.what for the error, such as `mdm.example.com/devices answered 200`
 * @throws VendorError `protocol`, without any of the text: an answer may hold a token
 */
export function parseBoundedJson(
  text: string,
  about: { readonly what: string; readonly mediaType: string | undefined },
): unknown {
  return bounded(parse(text, about), deepest, about.what)
}

function parse(text: string, { what, mediaType }: Parameters<typeof parseBoundedJson>[1]): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch {
    throw new VendorError('protocol', `${what} with ${whatItIs(text)} instead of JSON${typeOf(mediaType)}`)
  }
}

function whatItIs(text: string): string {
  const start = text.trimStart().slice(0, 15).toLowerCase()
  if (start === '') return 'nothing'
  if (start.startsWith('<!doctype') || start.startsWith('<html')) return 'a page for people (HTML)'
  if (start.startsWith('<')) return 'XML'
  return start.startsWith('{') || start.startsWith('[')
    ? 'a page that is cut off or broken'
    : 'something else'
}

function typeOf(mediaType: string | undefined): string {
  const type = /^[\w.+-]+\/[\w.+-]+/.exec(mediaType ?? '')?.[0]
  return type === undefined ? '' : ` (${type.slice(0, 60)})`
}

/** Changes the parsed value in place: it is ours alone, and a page may hold a thousand devices. */
function bounded(value: unknown, depth: number, what: string): unknown {
  if (typeof value === 'string') return value.length > longestText ? undefined : value
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) throw new VendorError('protocol', `${what} with JSON that is nested too deeply`)
  const members = value as Record<string, unknown> // arrays have their indexes as names
  for (const name of Object.keys(members)) {
    const member = members[name]
    if (typeof member === 'string' ? member.length > longestText : typeof member === 'object') {
      members[name] = bounded(member, depth - 1, what)
    }
  }
  return value
}
