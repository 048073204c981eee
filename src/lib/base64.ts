/**
 * Decodes standard base64 strictly: its alphabet only, padded fully or not at all, no stray bits. Buffer.from alone
 * skips what it does not know, so that two readers of one text may see different bytes.
 * @returns undefined when the text is not base64
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  const canonical = bytes.toString('base64')
  if (canonical === text) return bytes
  return withoutPadding(canonical) === text ? bytes : undefined
}

function withoutPadding(text: string): string {
  if (text.endsWith('==')) return text.slice(0, -2)
  return text.endsWith('=') ? text.slice(0, -1) : text
}
