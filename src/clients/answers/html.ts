const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Makes text safe as an element's content and as a quoted attribute's value. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] as string) // the table holds each of them
}

/** Escapes text and makes its web addresses links: what an administrator wrote as help often names one. */
export function linkify(text: string): string {
  return text
    .split(/(\bhttps?:\/\/[^\s<>"'()]{1,500}[^\s<>"'().,;:!?])/)
    .map((part, index) => (index % 2 === 1 ? link(part) : escapeHtml(part)))
    .join('')
}

function link(address: string): string {
  const shown = address.replace(/^https:\/\//, '').replace(/\/$/, '')
  return `<a href="${escapeHtml(address)}">${escapeHtml(shown)}</a>`
}
