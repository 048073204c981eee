import { type IncomingMessage, ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ClientSide } from '../client-side.ts'
import { Http1ClientSide, type Http1Exchange } from './http1-client-side.ts'

export interface Handshake {
  readonly protocol: string
  /** What the client sent right behind its handshake. */
  readonly first: Buffer
}

/** The client's side of a handshake: 101 hands over the connection, any other answer ends it. */
export class UpgradeClientSide extends Http1ClientSide implements ClientSide {
  readonly #handshake: Handshake
  #switched = false

  constructor(exchange: Http1Exchange, handshake: Handshake) {
    super(exchange)
    this.#handshake = handshake
  }

  override get headSent(): boolean {
    return this.#switched || super.headSent
  }

  /** @param headers those of the upstream's 101 beside Connection and Upgrade */
  switchProtocols(headers: readonly string[]): Duplex {
    const { response, connection } = this.exchange
    const { protocol, first } = this.#handshake
    const { socket } = connection
    const head = switchingHead(protocol, headers)
    response.detachSocket(socket)
    this.#switched = true
    socket.write(head, 'latin1')
    if (first.length > 0) socket.unshift(first)
    return socket
  }

  override onClose(listener: (completed: boolean) => void): void {
    const { response, connection } = this.exchange
    connection.onClose(() => listener(this.#switched || response.writableFinished))
  }
}

/** Node's own server lets go of the socket on an upgrade: what it does for other answers is done here. */
export function detachedResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  response.shouldKeepAlive = false
  socket.on('error', () => {})
  socket.on('drain', () => response.emit('drain'))
  response.once('finish', () => socket.destroySoon())
  return response
}

function switchingHead(protocol: string, headers: readonly string[]): string {
  let head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    if (/^(?:connection|upgrade)$/i.test(name)) continue
    validateHeaderName(name)
    validateHeaderValue(name, value)
    head += `${name}: ${value}\r\n`
  }
  return `${head}\r\n`
}
