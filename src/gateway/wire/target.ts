/** A request target, taken apart by its form (RFC 9112 3.2). Authority-form belongs to CONNECT, which is never served. */
export type Target =
  | { readonly form: 'origin'; readonly target: string }
  /** `target` is its origin-form, which is what is forwarded. The authority has to agree with Host. */
  | { readonly form: 'absolute'; readonly target: string; readonly authority: string }
  | { readonly form: 'asterisk' }

const asterisk: Target = { form: 'asterisk' }

/** @returns undefined for anything else, and for bytes outside visible ASCII and fragments in any form */
export function parseTarget(text: string): Target | undefined {
  if (!isVisible(text)) return undefined
  if (text.charCodeAt(0) === 0x2f) return { form: 'origin', target: text }
  return text === '*' ? asterisk : parseAbsolute(text)
}

/** Visible ASCII without `#`. */
function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false
  }
  return text.length > 0
}

function parseAbsolute(text: string): Target | undefined {
  const start = authorityStart(text)
  if (start === 0) return undefined
  let end = start
  while (end < text.length && text.charCodeAt(end) !== 0x2f && text.charCodeAt(end) !== 0x3f) end++
  const rest = text.slice(end)
  // RFC 9112 3.2.1: an empty path is sent as `/`.
  const target = rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
  return { form: 'absolute', target, authority: text.slice(start, end) }
}

function authorityStart(text: string): number {
  const scheme = text.slice(0, 8).toLowerCase()
  if (scheme === 'https://') return 8
  return scheme.startsWith('http://') ? 7 : 0
}
