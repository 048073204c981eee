import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, createSecureContext } from 'node:tls'
import type { Service } from '../../domain/service.ts'

/** Opens connections to one upstream: TCP, TLS with the service's CA and name, a time limit over both. */
export type Connector = (
  callback: (error: Error | null, socket: Socket | null) => void,
  /** The socket stays open for writing when the upstream has ended its side: for tunnels. */
  halfOpen?: boolean,
) => Socket

class ConnectTimeout extends Error {
  readonly code = 'UPSTREAM_CONNECT_TIMEOUT'

  constructor() {
    super('The upstream did not take the connection in time')
    this.name = 'ConnectTimeout'
  }
}

export interface ConnectorOptions {
  readonly url: URL
  /** `ca` holds PEM texts. */
  readonly tls: Service['upstreamTls']
  readonly timeout: number
  readonly lookup: LookupFunction
}

type Opener = (allowHalfOpen: boolean) => Socket

export function createConnector(options: ConnectorOptions): Connector {
  const open = options.url.protocol === 'https:' ? tlsOpener(options) : tcpOpener(options)
  const readyEvent = options.url.protocol === 'https:' ? 'secureConnect' : 'connect'
  return (callback, halfOpen = false) => {
    const socket = open(halfOpen)
    let settled = false
    const settle = (error: Error | null) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      callback(error, error ? null : socket)
    }
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), options.timeout)
    socket.setKeepAlive(true, 60_000).setNoDelay(true)
    socket.once(readyEvent, () => settle(null))
    // Stays for the socket's whole life: an error that nobody awaits any more must not end the process.
    socket.on('error', settle)
    socket.once('close', () => settle(new Error('The connection was closed before it was open')))
    return socket
  }
}

function tcpOpener({ url, lookup }: ConnectorOptions): Opener {
  const target = { ...address(url, 80), lookup, highWaterMark: 64 * 1024 }
  return (allowHalfOpen) => connectTcp({ ...target, allowHalfOpen })
}

function tlsOpener({ url, tls, lookup }: ConnectorOptions): Opener {
  const { host, port } = address(url, 443)
  const name = tls.serverName ?? host
  const target: ConnectionOptions = {
    host,
    port,
    lookup,
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls.verify,
    secureContext: createSecureContext(tls.ca.length > 0 ? { ca: [...tls.ca] } : {}),
    // An IP address is no server name (RFC 6066 3); the certificate is then checked against the address.
    ...(isIP(name) ? {} : { servername: name }),
  }
  let session: Buffer | undefined
  return (allowHalfOpen) => {
    const whole: ConnectionOptions & { allowHalfOpen: boolean } = { ...target, allowHalfOpen }
    if (session !== undefined) whole.session = session
    const socket = connectTls(whole)
    socket.on('session', (newest: Buffer) => {
      session = newest
    })
    return socket
  }
}

function address(url: URL, defaultPort: number): { host: string; port: number } {
  const { hostname } = url
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return { host, port: url.port === '' ? defaultPort : Number(url.port) }
}
