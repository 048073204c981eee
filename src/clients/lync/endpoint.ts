import type { RequestHead } from '../../domain/request-head.ts'

/** The requests that matter to a gate; `other` is everything else. */
export type LyncEndpoint = 'discovery' | 'ticket' | 'applications' | 'other'

/** IIS does not tell letter cases apart. */
export function lyncEndpoint(head: RequestHead): LyncEndpoint {
  const path = head.path.toLowerCase()
  if (path.startsWith('/autodiscover/') || path === '/autodiscover') return 'discovery'
  if (path === '/') return isDiscoveryRoot(head) ? 'discovery' : 'other'
  if (head.method !== 'POST') return 'other'
  if (path.startsWith('/webticket/')) return 'ticket'
  return path.startsWith('/ucwa/') && /\/applications\/?$/.test(path) ? 'applications' : 'other'
}

/** `https://lyncdiscover.example.com/`, with or without `?sipuri=`. */
function isDiscoveryRoot({ host, query }: RequestHead): boolean {
  return host.startsWith('lyncdiscover') || query?.toLowerCase().startsWith('sipuri=') === true
}

/** The paths of programs; the rest of the server (meetings, dial-in settings) is for people with browsers. */
export function isLyncPath(path: string): boolean {
  return /^\/(?:autodiscover|webticket|ucwa|mcx|certprov|reach)(?:\/|$)/.test(path.toLowerCase())
}
