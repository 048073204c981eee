import { MalformedInput } from './malformed-input.ts'

export type FormPair = readonly [name: string, value: string]

const maxPairs = 1000

/**
 * Reads `application/x-www-form-urlencoded` text (also query strings) strictly: a broken percent escape, octets that
 * are not UTF-8 and NUL are errors instead of being passed through, since the reader behind us may repair them
 * differently. Pairs without `=` have an empty value.
 * @throws MalformedInput
 */
export function parseForm(text: string): FormPair[] {
  if (text === '') return []
  if (/[^\x20-\x7e]/.test(text)) throw new MalformedInput('a form holds bytes that are not percent-encoded')
  const parts = text.split('&')
  if (parts.length > maxPairs) throw new MalformedInput('too many form fields')
  return parts.filter((part) => part !== '').map(parsePair)
}

function parsePair(part: string): FormPair {
  const equals = part.indexOf('=')
  if (equals < 0) return [decode(part), '']
  return [decode(part.slice(0, equals)), decode(part.slice(equals + 1))]
}

function decode(text: string): string {
  const decoded = text.includes('%') || text.includes('+') ? percentDecode(text) : text
  if (decoded.includes('\0')) throw new MalformedInput('a form field holds NUL')
  return decoded
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new MalformedInput('a form field is not percent-encoded UTF-8', { cause })
  }
}
