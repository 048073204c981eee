import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ConnectionCount } from '../../lib/connection-count.ts'
import { canonicalAddress } from '../../lib/ip-address.ts'
import type { Peer } from '../source.ts'
import { presentedCertificate } from './client-certificate.ts'
import { Connection } from './connection.ts'
import { Http1Engine } from './http1.ts'
import { Http2Engine } from './http2.ts'
import { Intake } from './intake.ts'
import type { ListenerOptions } from './listener-options.ts'
import { readProxyHeader } from './read-proxy-header.ts'
import { createTlsServer, type TlsServer } from './tls.ts'
import type { TlsMaterial } from './tls-material.ts'

/**
 * The doors of one listener: what a connection passes from `accept` to its HTTP engine.
 */
export class Doors {
  readonly front: Server
  readonly #options: ListenerOptions
  readonly #intake: Intake
  readonly #http1: Http1Engine
  readonly #http2: Http2Engine
  readonly #tls: TlsServer | undefined
  readonly #count: ConnectionCount
  readonly #open = new Set<Connection>()
  /** Every accepted socket, those still in their handshakes too. */
  readonly #sockets = new Set<Socket>()
  /** The peers of sockets in their TLS handshake, by remote address and port: TLS wraps them into other objects. */
  readonly #peers = new Map<string, Peer>()
  #lastId = 0
  #draining = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#intake = new Intake(options)
    this.#http1 = new Http1Engine(this.#intake)
    this.#http2 = new Http2Engine(this.#intake)
    this.#count = new ConnectionCount(options.limits)
    this.#tls = this.#createTls()
    this.front = this.#createFront()
    this.front.on('connection', (socket: Socket) => this.#accept(socket))
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  reloadTls(material: TlsMaterial): void {
    this.#tls?.use(material)
  }

  async drain(ms: number): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.front.close(() => resolve()))
    for (const connection of this.#open) connection.closeAfterAnswer()
    const timer = setTimeout(() => this.#destroyAll(), ms)
    await closed
    clearTimeout(timer)
    this.#http1.close()
  }

  #destroyAll(): void {
    for (const connection of this.#open) connection.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }

  #createTls(): TlsServer | undefined {
    const { listen, tls, limits } = this.#options
    if (listen.scheme === 'http') return undefined
    if (tls === undefined || tls.certificates.length === 0)
      throw new Error('an https listener needs a certificate')
    const created = createTlsServer(tls, limits)
    created.server.on('secureConnection', (socket) => this.#onSecure(socket))
    created.server.on('tlsClientError', (_error, socket) => socket.destroy())
    return created
  }

  #createFront(): Server {
    return createServer({
      // The HTTP/1 engine decides by itself what a half-closed client gets.
      allowHalfOpen: this.#tls === undefined,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    })
  }

  #accept(socket: Socket): void {
    const address = canonicalAddress(socket.remoteAddress ?? '')
    if (address === undefined) return void socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const peer: Peer = { address, derivedFrom: 'peer', peer: address }
    if (this.#options.proxyProtocol) void this.#readProxyHeader(socket, peer)
    else this.#admit(socket, peer)
  }

  async #readProxyHeader(socket: Socket, peer: Peer): Promise<void> {
    // A socket that breaks here has nobody else to hear of it.
    socket.on('error', () => {})
    if (!this.#options.trustedProxies.has(peer.address)) {
      return this.#refuse(socket, peer, 'PROXY protocol: not a trusted proxy')
    }
    const header = await readProxyHeader(socket, this.#options.limits.proxyHeaderTimeout)
    if ('problem' in header) {
      return header.problem === 'closed'
        ? void socket.destroy()
        : this.#refuse(socket, peer, `PROXY protocol: ${header.problem}`)
    }
    const told: Peer =
      header.address === undefined
        ? peer
        : { address: header.address, derivedFrom: 'proxy-protocol', peer: peer.address }
    this.#admit(socket, told)
  }

  #admit(socket: Socket, peer: Peer): void {
    const release = this.#count.admit(peer.address, this.#options.trustedProxies.has(peer.address))
    if (release === undefined) {
      this.#intake.refuseConnection(peer, 'limit.connections', 'too many connections')
      return void socket.destroy()
    }
    socket.once('close', release)
    if (this.#tls !== undefined) this.#secure(socket, peer, this.#tls)
    else this.#openHttp1(socket, peer)
  }

  #refuse(socket: Socket, peer: Peer, detail: string): void {
    this.#intake.refuseConnection(peer, 'http.malformed', detail)
    socket.destroy()
  }

  #secure(socket: Socket, peer: Peer, { server }: TlsServer): void {
    const key = peerKey(socket)
    this.#peers.set(key, peer)
    socket.once('close', () => this.#peers.delete(key))
    server.emit('connection', socket)
  }

  #onSecure(socket: TLSSocket): void {
    const peer = this.#peers.get(peerKey(socket))
    if (peer === undefined) return void socket.destroy()
    const http2 = socket.alpnProtocol === 'h2'
    const certificate = presentedCertificate(socket)
    const connection = this.#register({
      id: ++this.#lastId,
      httpVersion: http2 ? '2' : '1',
      socket,
      peer,
      tls: tlsFacts(socket),
      ...(certificate && { certificate }),
      sourceRules: this.#options,
    })
    if (http2) this.#http2.adopt(connection)
    else this.#http1.adopt(connection)
    // Its handshake took until after the listener began to drain.
    if (this.#draining) connection.closeAfterAnswer()
  }

  #openHttp1(socket: Socket, peer: Peer): void {
    const connection = this.#register({
      id: ++this.#lastId,
      httpVersion: '1',
      socket,
      peer,
      sourceRules: this.#options,
    })
    this.#http1.adopt(connection)
    if (this.#draining) connection.closeAfterAnswer()
  }

  #register(origin: ConstructorParameters<typeof Connection>[0]): Connection {
    const connection = new Connection(origin)
    this.#open.add(connection)
    connection.onClose(() => this.#open.delete(connection))
    return connection
  }
}

function peerKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`
}

function tlsFacts(socket: TLSSocket): NonNullable<Connection['tls']> {
  const facts = { protocol: socket.getProtocol() ?? '', cipher: socket.getCipher().name }
  // Node gives false where the client named none.
  const name: unknown = (socket as { servername?: unknown }).servername
  return typeof name === 'string' && name !== '' ? { ...facts, serverName: name.toLowerCase() } : facts
}
