import type { Duplex } from 'node:stream'
import type { ClientSide } from '../client-side.ts'
import { Http1ClientSide, type Http1Exchange, type Http1Link } from './http1-client-side.ts'

export interface Handshake {
  readonly protocol: string
  /** Gives the connection away, with what the client sent right behind its handshake. */
  readonly release: () => Duplex
}

/** The client's side of a handshake: 101 hands over the connection, any other answer ends it. */
export class UpgradeClientSide extends Http1ClientSide implements ClientSide {
  readonly #handshake: Handshake
  #switched = false

  constructor(exchange: Http1Exchange, link: Http1Link, handshake: Handshake) {
    super(exchange, link)
    this.#handshake = handshake
  }

  /** @param headers those of the upstream's 101 beside Connection and Upgrade */
  switchProtocols(headers: readonly string[]): Duplex {
    const { protocol, release } = this.#handshake
    const { answers } = this.link
    const head = `${answers.statusLine(101)}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n${answers.plainFields(withoutOurs(headers))}\r\n`
    this.#switched = true
    this.headSent = true
    const socket = release()
    socket.write(head, 'latin1')
    return socket
  }

  /** A connection that was handed over is over when it is closed, however that came about. */
  override finish(completed: boolean): void {
    super.finish(completed || this.#switched)
  }
}

function withoutOurs(headers: readonly string[]): string[] {
  const rest: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (!/^(?:connection|upgrade)$/i.test(name)) rest.push(name, headers[i + 1] as string)
  }
  return rest
}
