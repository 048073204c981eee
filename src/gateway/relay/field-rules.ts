/**
 * What becomes of a header field on its way to the upstream, by its name alone. Names are compared folded (RFC 3875
 * style: every run of other characters is one hyphen), since CGI, WSGI and PHP read `X_Gatehouse_User` and
 * `X-Gatehouse-User` as one variable.
 */

export type FieldRule = 'pass' | 'drop' | 'cookie'

/** Written by us from our own parsed values, or meant for one hop only (RFC 9110 7.6.1). */
const perHop = [
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Fields by which a proxy tells the upstream of client, scheme, host, method or path. Ours are rebuilt; theirs are lies. */
const forwarding = [
  'cf-connecting-ip',
  'fastly-client-ip',
  'forwarded',
  'front-end-https',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-real-ip',
  'x-rewrite-url',
  'x-scheme',
  'x-url-scheme',
]

const names: ReadonlySet<string> = new Set([
  ...perHop,
  ...forwarding,
  'client-cert',
  'client-cert-chain',
  // CGI turns it into HTTP_PROXY, which many HTTP clients obey (httpoxy).
  'proxy',
])

const prefixes = [
  'gatehouse-',
  'x-gatehouse-',
  'x-forwarded-',
  'x-original-',
  'ssl-client-',
  'x-ssl-',
  'x-client-cert',
]

/** @param name in lower case; `allowed` holds names with unusual characters that the service wants */
export function requestFieldRule(name: string, allowed: ReadonlySet<string>): FieldRule {
  const folded = foldName(name)
  if (names.has(folded) || prefixes.some((prefix) => folded.startsWith(prefix))) return 'drop'
  if (!isPlainName(name) && !allowed.has(name)) return 'drop'
  return folded === 'cookie' ? (name === 'cookie' ? 'cookie' : 'drop') : 'pass'
}

/** Identity and forwarding fields of ours may not come from an upstream's trailers either; see `response-headers.ts`. */
export function foldName(name: string): string {
  let folded = ''
  let gap = false
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (isAlphanumeric(code)) {
      folded += name[i]
      gap = false
    } else if (!gap) {
      folded += '-'
      gap = true
    }
  }
  return folded
}

function isPlainName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (!isAlphanumeric(code) && code !== 0x2d) return false
  }
  return name.length > 0
}

/** Lower-case letters and digits. */
function isAlphanumeric(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)
}
