import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { buffer } from 'node:stream/consumers'

export interface DeviceAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** How a device reaches servers: every name is this machine. */
export interface DeviceNetwork {
  /** PEM of the CAs that the device trusts for TLS. */
  readonly ca: string
  /** Its own address, in 127.0.0.0/8. */
  readonly localAddress?: string
}

export interface DeviceRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** With which it shows who it is in TLS, PEM. */
  readonly identity?: { readonly certificate: string; readonly key: string }
}

/** One request of a device; a connection that is not https is not made. */
export async function deviceRequest(
  address: string,
  { method, headers = {}, body, identity }: DeviceRequest,
  { ca, localAddress = '127.0.0.1' }: DeviceNetwork,
): Promise<DeviceAnswer> {
  const { protocol, hostname, port, host, pathname, search } = new URL(address)
  if (protocol !== 'https:') throw new Error(`${address} is not https`)
  const request = requestTls({
    host: '127.0.0.1',
    port: port === '' ? 443 : Number(port),
    servername: hostname,
    path: `${pathname}${search}`,
    method,
    ca,
    localAddress,
    agent: false,
    ...(identity && { cert: identity.certificate, key: identity.key }),
    headers: { host, 'user-agent': 'MDM/1.0', ...headers, ...(body && { 'content-length': body.length }) },
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}

/** A request that the server has refused. */
export class ServerRefused extends Error {
  readonly answer: DeviceAnswer

  constructor(answer: DeviceAnswer) {
    super(`the server said ${answer.status}: ${answer.body.toString('utf8').slice(0, 300)}`)
    this.name = 'ServerRefused'
    this.answer = answer
  }
}
