import { constants } from 'node:crypto'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Limits } from '../../domain/limits.ts'
import { tlsCiphers } from '../../lib/tls-ciphers.ts'

export interface ListenerTls {
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
  /** PEM of our authorities: their clients are asked for a certificate. Undefined: nobody is asked. */
  readonly clientCa?: readonly string[]
}

/** What of `limits` holds at the enrollment listener. */
export type ListenerLimits = Pick<
  Limits,
  | 'connections'
  | 'connectionsPerAddress'
  | 'requestsPerConnection'
  | 'keepAliveTimeout'
  | 'tlsHandshakeTimeout'
  | 'headerTimeout'
  | 'bodyTimeout'
  | 'answerTimeout'
>

/** Milliseconds: the whole of a request, however it comes, and between two looks for those that take longer. */
export interface RequestTimes {
  readonly whole: number
  readonly check: number
}

export interface ServerOptions {
  readonly limits: ListenerLimits
  readonly times: RequestTimes
  readonly tls: ListenerTls | undefined
  /** A handshake, a head or a whole request that was not complete in time. */
  readonly onSlow: () => void
}

/** Signatures travel in a header, SCEP requests in a query. */
const maxHeaderSize = 32 * 1024

/** The engine, with its limits. */
export function createServer(options: ServerOptions, handler: RequestListener): HttpServer | HttpsServer {
  const { tls, limits, onSlow } = options
  const server =
    tls === undefined
      ? createHttpServer(engineOptions(options), handler)
      : createHttpsServer(
          {
            ...contextOf(tls),
            ...engineOptions(options),
            handshakeTimeout: limits.tlsHandshakeTimeout,
            // Whose certificate counts is decided later: a refusal is ours to give, and is not 401.
            ...(tls.clientCa && { requestCert: true, rejectUnauthorized: false }),
          },
          handler,
        )
  server.maxRequestsPerSocket = limits.requestsPerConnection
  server.on('clientError', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'ERR_TLS_HANDSHAKE_TIMEOUT') onSlow()
  })
  return server
}

function engineOptions({ limits, times }: ServerOptions) {
  const { headerTimeout, keepAliveTimeout } = limits
  return {
    maxHeaderSize,
    keepAliveTimeout,
    headersTimeout: headerTimeout,
    requestTimeout: Math.max(times.whole, headerTimeout),
    connectionsCheckingInterval: times.check,
  }
}

export function contextOf({ cert, key, passphrase, clientCa }: ListenerTls) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ciphers: tlsCiphers,
    // One connection, one handshake: in TLS 1.2 a client could ask for more of them.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa && { ca: [...clientCa] }),
  }
}
