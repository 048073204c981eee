import type { Limits } from '../../domain/limits.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import type { RequestHead, Source } from '../../domain/request-head.ts'
import type { ClientSide } from '../client-side.ts'
import { HeadParser, type HeadRules, type ParsedHead, type WireRequest } from '../wire/head.ts'
import { isRefused, type Refused } from '../wire/refused.ts'
import type { Connection } from './connection.ts'

/** A request, or a connection, that never became an exchange. */
export interface MalformedRequest {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly reason: ReasonCode
  /** The peer: forwarding fields of a request that could not be read are not believed. */
  readonly source: Source
  /** For the log. */
  readonly detail: string
  readonly method?: string
  readonly host?: string
  /** Set when the request itself could be read, so that it can be refused in its client's own terms. */
  readonly head?: RequestHead
}

export interface IntakeOptions extends HeadRules {
  readonly limits: Limits
  readonly now: () => number
  readonly newId: () => string
  readonly onExchange: (head: RequestHead, client: ClientSide) => Promise<void>
  readonly onRefused: (refusal: MalformedRequest, client: ClientSide | undefined) => void | Promise<void>
}

/** What the HTTP engines share: one parser, one set of checks, one way to the pipeline. */
export class Intake {
  readonly limits: Limits
  readonly now: () => number
  readonly #options: IntakeOptions
  readonly #parser: HeadParser
  readonly #allow: string

  constructor(options: IntakeOptions) {
    this.limits = options.limits
    this.now = options.now
    this.#options = options
    this.#parser = new HeadParser(options)
    this.#allow = options.limits.methods
      .filter((method) => method !== 'CONNECT' && method !== 'TRACE')
      .join(', ')
  }

  parse(request: WireRequest, connection: Connection): ParsedHead | MalformedRequest {
    const id = this.#options.newId()
    const receivedAt = this.now()
    const parsed = this.#parser.parse(request, { id, receivedAt, connection, derive: connection.derive })
    if (isRefused(parsed)) {
      const { refused, ...rest } = parsed
      return { id, at: receivedAt, reason: refused, source: connection.peer, ...rest }
    }
    return checkCertificate(parsed.head, connection) ?? parsed
  }

  /** What an engine refuses by itself, before there is a request to parse. */
  refuse(refused: Refused, connection: Connection): MalformedRequest {
    const { refused: reason, detail } = refused
    return { id: this.#options.newId(), at: this.now(), reason, detail, source: connection.peer }
  }

  /**
   * Resolves when the exchange's handler is done; undefined when it is done already.
   * @throws what the handler throws; it answers by itself, so that all that is left is to break the exchange off
   */
  handle(parsed: ParsedHead | MalformedRequest, client: ClientSide): Promise<void> | undefined {
    if ('reason' in parsed) return this.#options.onRefused(parsed, client) ?? undefined
    if (!parsed.serverWide) return this.#options.onExchange(parsed.head, client)
    client.sendHead(204, ['Allow', this.#allow])
    client.end()
    return undefined
  }

  /** As `handle`, and never rejects. */
  serve(parsed: ParsedHead | MalformedRequest, client: ClientSide): Promise<void> {
    return settle(() => this.handle(parsed, client), client)
  }

  /** What had to be refused before there was a request. */
  refuseConnection(source: Source, reason: ReasonCode, detail: string): void {
    const refusal = { id: this.#options.newId(), at: this.now(), reason, source, detail }
    void settle(() => this.#options.onRefused(refusal, undefined), undefined)
  }
}

/** The handlers answer and log by themselves; one that fails all the same costs its client the exchange, not the process. */
async function settle(
  handle: () => undefined | void | Promise<void>,
  client: ClientSide | undefined,
): Promise<void> {
  try {
    await handle()
  } catch {
    client?.abort('failure')
  }
}

/**
 * A certificate that cannot be verified is refused rather than ignored, so that its owner learns why. One shown under
 * another server name than the request's host proves nothing for that host (RFC 9110 7.4): 421 makes the client open
 * a connection of its own for it.
 */
function checkCertificate(head: RequestHead, connection: Connection): MalformedRequest | undefined {
  const { certificateProblem, clientCertificate, tls } = connection
  if (certificateProblem !== undefined)
    return refusalOf(head, 'client.certificate-invalid', certificateProblem)
  if (clientCertificate === undefined) return undefined
  if (clientCertificate.notAfter < head.receivedAt) {
    return refusalOf(head, 'client.certificate-invalid', 'the certificate has expired on an open connection')
  }
  return tls?.serverName === head.host
    ? undefined
    : refusalOf(head, 'client.certificate-required', 'the TLS server name is not the host')
}

function refusalOf(head: RequestHead, reason: ReasonCode, detail: string): MalformedRequest {
  const { id, receivedAt, source, method, host } = head
  return { id, at: receivedAt, reason, source, detail, method, host, head }
}
