import type { RequestHead } from '../domain/request-head.ts'

/**
 * Is this a top-level navigation of a browser, so that a person sees the answer? Fetch Metadata says so outright;
 * without it, a GET that would rather have HTML than anything else.
 */
export function isNavigation(head: RequestHead): boolean {
  if (head.upgrade !== undefined) return false
  const mode = head.fields.get('sec-fetch-mode')
  const destination = head.fields.get('sec-fetch-dest')
  if (mode !== undefined || destination !== undefined)
    return mode === 'navigate' && destination === 'document'
  if (head.method !== 'GET' && head.method !== 'HEAD') return false
  return prefersHtml(head.fields.get('accept'))
}

/** Only a navigation that carries nothing may be sent elsewhere: a redirected POST loses its body or its meaning. */
export function isRedirectable(head: RequestHead): boolean {
  return (head.method === 'GET' || head.method === 'HEAD') && isNavigation(head)
}

function prefersHtml(accept: string | undefined): boolean {
  const first = accept?.trimStart().toLowerCase()
  return first !== undefined && (first.startsWith('text/html') || first.startsWith('application/xhtml+xml'))
}
