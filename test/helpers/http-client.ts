import { once } from 'node:events'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { type Agent, request as requestTls } from 'node:https'
import { buffer } from 'node:stream/consumers'

export interface ClientOptions {
  readonly port: number
  readonly host: string
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
  /** The source address; default 127.0.0.1, which no network of the policies holds ("the internet"). */
  readonly from?: string
  /** PEM of the CA: the request goes over TLS. */
  readonly ca?: string
  /** Client certificate. */
  readonly cert?: string
  /** The TLS server name, when it is not the host. */
  readonly serverName?: string
  /** Keeps connections open for further requests; otherwise each request has one of its own. */
  readonly agent?: Agent
  readonly key?: string
}

export interface ClientAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly bytes: Buffer
  /** The gateway's reference id. */
  readonly id: string
  /** `name=value` of the cookies that were set. */
  readonly cookies: readonly string[]
}

/** One request over TLS or plain HTTP/1.1, from any address of 127.0.0.0/8. */
export async function ask(options: ClientOptions): Promise<ClientAnswer> {
  const { host, path = '/', method = 'GET', headers = {}, body, ca } = options
  const send = ca === undefined ? requestPlain : requestTls
  const request = send({
    host: '127.0.0.1',
    port: options.port,
    localAddress: options.from ?? '127.0.0.1',
    agent: options.agent ?? false,
    servername: options.serverName ?? host,
    path,
    method,
    headers: { host: `${host}:${options.port}`, ...headers } as Record<string, string | string[]>,
    ...(ca !== undefined && { ca }),
    ...(options.cert !== undefined && { cert: options.cert, key: options.key }),
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const answer = await buffer(response)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: answer.toString('utf8'),
    bytes: answer,
    id: String(response.headers['gatehouse-request'] ?? ''),
    cookies: (response.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0] ?? ''),
  }
}

export const form = { 'content-type': 'application/x-www-form-urlencoded' }
export const navigation = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}
