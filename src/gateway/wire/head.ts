/**
 * The wire parsers read what clients send, strictly and without sockets: one file a thing, each pure. This file puts
 * them together into the one `RequestHead` that every later step uses, for HTTP/1, HTTP/2 and upgrade handshakes
 * alike. What is ambiguous is refused and never repaired: smuggling and bypasses live on two programs that read the
 * same bytes differently, and after this file there is only one reading.
 */
import type { Limits } from '../../domain/limits.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import { type ConnectionFacts, FieldList, type RequestHead, type Source } from '../../domain/request-head.ts'
import type { PathRules } from '../../domain/service.ts'
import { type ConnectionOptions, parseConnection } from './connection.ts'
import { FieldNames } from './field-names.ts'
import { dropNamedFields, dropOddFields, type FieldRules, type ScannedFields, scanFields } from './fields.ts'
import { type Framing, parseFraming } from './framing.ts'
import { type Authority, parseAuthority, sameAuthority } from './host.ts'
import { canonicalPath } from './path.ts'
import { isRefused, type Refused, refuse } from './refused.ts'
import { parseTarget, type Target } from './target.ts'
import { parseUpgrade } from './upgrade.ts'

/** A request as an HTTP engine delivers it. */
export interface WireRequest {
  /** `1.1` and `1.0` as the engine tells it; `2` from an HTTP/2 engine only. */
  readonly httpVersion: string
  readonly method: string
  readonly target: string
  /** `:authority` of HTTP/2. */
  readonly authority?: string
  /** Name, value, name, value; without pseudo-fields. */
  readonly rawHeaders: readonly string[]
  readonly scheme: 'http' | 'https'
  /** HTTP/2 tells by its frames whether a body follows; in HTTP/1 the fields do. */
  readonly hasBody?: boolean
}

/** What the request's surroundings know of it. */
export interface HeadContext {
  readonly id: string
  readonly receivedAt: number
  readonly connection: ConnectionFacts
  /** @returns the true source, and the scheme when a trusted proxy that ends TLS tells it */
  readonly derive: (fields: FieldList) => { readonly source: Source; readonly scheme?: 'http' | 'https' }
}

export interface HeadRules {
  readonly limits: Pick<Limits, 'headerSize' | 'headerFields' | 'targetSize' | 'methods'>
  readonly pathRules: (host: string) => PathRules
  readonly upgrades: (host: string) => readonly string[]
  /** Field names with characters beside letters, digits and hyphen that the service lets pass, in lower case. */
  readonly allowFields?: (host: string) => readonly string[]
  /** What this gateway calls itself in Via. */
  readonly pseudonym?: string
}

/** A request that is to be refused, with what could be read of it. */
export interface RefusedHead extends Refused {
  readonly refused: ReasonCode
  readonly method?: string
  readonly host?: string
}

export interface ParsedHead {
  readonly head: RequestHead
  /** How HTTP/1 frames the body. */
  readonly framing: Framing
  readonly options: ConnectionOptions
  readonly expectContinue: boolean
  /** `OPTIONS *`, which asks this server and no service: answered by the listener. */
  readonly serverWide: boolean
}

export class HeadParser {
  readonly #rules: HeadRules
  readonly #http1: FieldRules
  readonly #http2: FieldRules
  readonly #methods: ReadonlySet<string>

  constructor(rules: HeadRules) {
    const { headerSize, headerFields, methods } = rules.limits
    this.#rules = rules
    this.#http1 = { fieldNames: new FieldNames(), headerSize, headerFields, http2: false }
    this.#http2 = { ...this.#http1, http2: true }
    // The one opens tunnels, the other returns the fields that the gateway adds (RFC 9110 9.3.6, 9.3.8).
    this.#methods = new Set(methods.filter((method) => method !== 'CONNECT' && method !== 'TRACE'))
  }

  parse(request: WireRequest, context: HeadContext): ParsedHead | RefusedHead {
    const httpVersion = version(request.httpVersion)
    if (httpVersion === undefined)
      return { ...refuse('http.version', 'another HTTP version'), ...named(request) }
    const scan = scanFields(request.rawHeaders, httpVersion === '2' ? this.#http2 : this.#http1)
    if (isRefused(scan)) return { ...scan, ...named(request) }
    const target = this.#target(request)
    if (isRefused(target)) return { ...target, ...named(request) }
    const authority = agreedAuthority(request, scan, target)
    if (isRefused(authority)) return { ...authority, ...named(request) }
    const parsed = this.#assemble({ request, httpVersion, scan, target, authority }, context)
    return isRefused(parsed) ? { ...parsed, ...named(request), host: authority.host } : parsed
  }

  #target(request: WireRequest): Target | Refused {
    if (!this.#methods.has(request.method)) return refuse('http.method', 'the method is not allowed')
    if (request.target.length > this.#rules.limits.targetSize)
      return refuse('limit.target-size', 'the target is too long')
    const target = parseTarget(request.target)
    if (target === undefined) return refuse('http.target', 'neither origin-form nor absolute-form')
    return target.form === 'asterisk' && request.method !== 'OPTIONS'
      ? refuse('http.target', 'asterisk-form without OPTIONS')
      : target
  }

  #assemble(parts: Parts, context: HeadContext): ParsedHead | Refused {
    const { request, httpVersion, scan, authority } = parts
    const { host } = authority
    if (scan.odd !== undefined) dropOddFields(scan, this.#rules.allowFields?.(host) ?? [])
    const options = parseConnection(scan.connection)
    if (isRefused(options)) return options
    if (options.named !== undefined) dropNamedFields(scan, options.named)
    const framing = framingOf(request, httpVersion, scan)
    if (isRefused(framing)) return framing
    const target = parts.target.form === 'asterisk' ? '/' : parts.target.target
    const question = target.indexOf('?')
    const path = canonicalPath(question < 0 ? target : target.slice(0, question), this.#rules.pathRules(host))
    if (isRefused(path)) return path
    const fields = new FieldList(scan.names, scan.values)
    if (scan.hasVia && countVia(fields, this.#rules.pseudonym) > 1) {
      return refuse('http.loop', 'Via holds this gateway more than once')
    }
    const upgrade = scan.hasUpgrade
      ? parseUpgrade({
          httpVersion,
          method: request.method,
          hasBody: framing.hasBody,
          named: options.upgrade,
          fields,
          allowed: this.#rules.upgrades(host),
        })
      : undefined
    if (isRefused(upgrade)) return upgrade
    const derived = context.derive(fields)
    const head: RequestHead = {
      id: context.id,
      receivedAt: context.receivedAt,
      httpVersion,
      method: request.method,
      scheme: derived.scheme ?? request.scheme,
      host,
      authority: authority.authority,
      target,
      path: path.path,
      decodedPath: path.decodedPath,
      query: question < 0 ? undefined : target.slice(question + 1),
      fields,
      hasBody: framing.hasBody,
      source: derived.source,
      connection: context.connection,
    }
    return {
      head: upgrade === undefined ? head : { ...head, upgrade },
      framing,
      options,
      expectContinue: scan.expectContinue,
      serverWide: parts.target.form === 'asterisk',
    }
  }
}

interface Parts {
  readonly request: WireRequest
  readonly httpVersion: RequestHead['httpVersion']
  readonly scan: ScannedFields
  readonly target: Target
  readonly authority: Authority
}

function version(text: string): RequestHead['httpVersion'] | undefined {
  if (text === '1.1' || text === '1.0') return text
  return text === '2' ? '2' : undefined
}

/** Only a method that is one: anything else is not worth a log field. */
function named(request: WireRequest): { method?: string } {
  return /^[A-Z-]{1,32}$/.test(request.method) ? { method: request.method } : {}
}

/** Host, `:authority` and the target's authority have to be one: routing by one and forwarding another is a bypass. */
function agreedAuthority(request: WireRequest, scan: ScannedFields, target: Target): Authority | Refused {
  const { scheme } = request
  const claims = [request.authority, scan.host, target.form === 'absolute' ? target.authority : undefined]
  let agreed: Authority | undefined
  for (const claim of claims) {
    if (claim === undefined) continue
    const authority = parseAuthority(claim)
    if (authority === undefined) return refuse('http.host', 'not a host with an optional port')
    if (agreed !== undefined && !sameAuthority(agreed, authority, scheme)) {
      return refuse('http.host', 'Host and the authority of the target differ')
    }
    agreed ??= authority
  }
  // A host in the target alone does not do: RFC 9112 3.2 asks for the field with every HTTP/1.1 request.
  const missing = request.authority === undefined && scan.host === undefined
  return agreed === undefined || missing ? refuse('http.host', 'no Host') : agreed
}

/** How often the request has come through here: once may be a chain that means it, twice is a circle. */
function countVia(fields: FieldList, pseudonym: string | undefined): number {
  const entries = fields.all('via').join(',').split(',')
  return entries.filter((entry) => pseudonym !== undefined && entry.trim().split(/[ \t]+/)[1] === pseudonym)
    .length
}

function framingOf(
  request: WireRequest,
  httpVersion: RequestHead['httpVersion'],
  scan: ScannedFields,
): Framing | Refused {
  const { contentLength, transferEncoding } = scan
  if (httpVersion !== '2') {
    return contentLength === undefined && transferEncoding === undefined
      ? bodyless
      : parseFraming({ httpVersion, contentLength, transferEncoding })
  }
  const announced = parseFraming({ httpVersion, contentLength, transferEncoding: undefined })
  if (isRefused(announced)) return announced
  const hasBody = request.hasBody ?? announced.hasBody
  if (!hasBody && announced.hasBody) return refuse('http.framing', 'Content-Length without a body')
  return { hasBody, length: contentLength === undefined ? undefined : announced.length }
}

const bodyless: Framing = { hasBody: false, length: 0 }
