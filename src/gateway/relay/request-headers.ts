import type { FieldList, RequestHead } from '../../domain/request-head.ts'
import type { Service } from '../../domain/service.ts'
import { withoutGatehouseCookies } from './cookies.ts'
import { type FieldRule, foldName, requestFieldRule } from './field-rules.ts'

/**
 * Rewrites a request's header fields for the upstream in one pass: what belongs to the client's hop, what claims to
 * come from a proxy or from us, and our own cookies are gone; the rest keeps its order and bytes; our own fields come
 * last. Since they are added after removal, a client cannot have them deleted by naming them in Connection (RFC 9110 7.6.1).
 */
export class RequestHeaders {
  readonly #allowed: ReadonlySet<string>
  readonly #host: 'client' | 'upstream'
  readonly #via: string
  /** Rules by name. Names come from clients, so that the table is bounded. */
  readonly #rules = new Map<string, FieldRule>()
  readonly #secret: string | undefined

  /** @param secretField the header of the MDM token: it is for the gateway alone, however it is spelled */
  constructor(
    service: Pick<Service, 'allowFields' | 'hostHeader'>,
    pseudonym = 'gatehouse',
    secretField: string | undefined = undefined,
  ) {
    this.#secret = secretField === undefined ? undefined : foldName(secretField)
    this.#via = `1.1 ${pseudonym}`
    this.#allowed = new Set(service.allowFields)
    this.#host = service.hostHeader
  }

  /** @returns name, value, name, value. Content-Length is among them only for a streamed body: undici knows the others. */
  rewrite(request: {
    readonly head: RequestHead
    readonly upstream: URL
    readonly addFields: readonly string[]
    readonly streamsBody: boolean
  }): string[] {
    const { head } = request
    const { fields } = head
    const out = ['host', this.#host === 'client' ? head.authority : request.upstream.host]
    const nominated = connectionNames(fields)
    let cookieAt = -1
    for (let i = 0; i < fields.size; i++) {
      const name = fields.name(i)
      const rule = this.#rule(name)
      if (rule === 'drop' || nominated?.has(name)) continue
      if (rule === 'pass') {
        out.push(name, fields.value(i))
        continue
      }
      const kept = withoutGatehouseCookies(fields.value(i))
      if (kept === undefined) continue
      if (cookieAt < 0) cookieAt = out.push('cookie', kept) - 1
      // HTTP/2 may split Cookie over several fields; HTTP/1.1 has one (RFC 9113 8.2.3).
      else out[cookieAt] += `; ${kept}`
    }
    if (request.streamsBody) addContentLength(out, fields)
    addForwarding(out, head)
    out.push('via', this.#via)
    for (let i = 0; i < request.addFields.length; i++) out.push(request.addFields[i] as string)
    return out
  }

  #rule(name: string): FieldRule {
    const known = this.#rules.get(name)
    if (known !== undefined) return known
    const rule = foldName(name) === this.#secret ? 'drop' : requestFieldRule(name, this.#allowed)
    if (this.#rules.size < 1024 && name.length <= 64) this.#rules.set(name, rule)
    return rule
  }
}

/** The parser has verified that there is one, and that it is a number. */
function addContentLength(out: string[], fields: FieldList): void {
  const length = fields.get('content-length')
  if (length !== undefined) out.push('content-length', length)
}

/** The fields that Connection names, when it names any beside the usual ones. */
function connectionNames(fields: FieldList): ReadonlySet<string> | undefined {
  const first = fields.get('connection')
  if (first === undefined || first === 'keep-alive' || first === 'close') return undefined
  const named = fields
    .all('connection')
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase())
  return new Set(named)
}

function addForwarding(out: string[], head: RequestHead): void {
  const { address } = head.source
  const node = address.includes(':') ? `"[${address}]"` : address
  const host = needsQuotes(head.authority) ? `"${head.authority}"` : head.authority
  out.push(
    'x-forwarded-for',
    address,
    'x-forwarded-proto',
    head.scheme,
    'x-forwarded-host',
    head.authority,
    'x-forwarded-port',
    portOf(head),
    'forwarded',
    `for=${node};host=${host};proto=${head.scheme}`,
  )
}

/** Host may hold a port or an IPv6 address, whose characters are no token (RFC 7239 4). Its syntax has been validated. */
function needsQuotes(authority: string): boolean {
  return authority.includes(':')
}

function portOf(head: RequestHead): string {
  const { authority } = head
  const colon = authority.lastIndexOf(':')
  if (colon > authority.lastIndexOf(']') && colon > 0) return authority.slice(colon + 1)
  return head.scheme === 'https' ? '443' : '80'
}
