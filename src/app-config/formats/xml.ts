/**
 * Text for XML, in elements and attributes. What reads from right to left or is invisible is written as a number: an
 * administrator who looks at the file sees what is in it.
 */
export function xml(text: string): string {
  return text.replace(
    /[&<>"'\p{Cf}\u2028\u2029]/gu,
    (one) => named[one] ?? `&#x${one.codePointAt(0)?.toString(16)};`,
  )
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** A comment: `--` would end it (XML 1.0, 2.5). */
export function xmlComment(text: string): string {
  return `<!-- ${text.replaceAll('--', '- -').replace(/-$/, '- ')} -->`
}
