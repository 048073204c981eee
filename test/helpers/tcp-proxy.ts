import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { ownAddress } from './own-address.ts'

/** A TCP proxy on an address of its own, in front of a server whose network shall fail. */
export interface TcpProxy {
  readonly host: string
  readonly port: number
  /** From now on each piece of data waits so long, in both directions. */
  delay(milliseconds: number): void
  /** Ends every connection; new ones pass. */
  cut(): void
  /** Ends every connection and refuses new ones. */
  refuse(): Promise<void>
  /** Connections are accepted and stay open, and nothing passes: a firewall that lost its table. */
  hold(): void
  /** As `hold`, for connections that are made from now on. */
  holdNew(): void
  /** How much waits to pass. */
  readonly held: number
  /** As at the beginning; what was held passes. */
  restore(): Promise<void>
}

export async function startTcpProxy(
  t: Test,
  target: { readonly host: string; readonly port: number },
  host = ownAddress(),
): Promise<TcpProxy> {
  const proxy = new LoopbackProxy(target, host)
  await proxy.listen()
  t.teardown(() => proxy.refuse())
  return proxy
}

class LoopbackProxy implements TcpProxy {
  readonly host: string
  port = 0
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  readonly #held: (() => void)[] = []
  #server: Server | undefined
  #delay = 0
  #holding = false
  #holdingNew = false

  constructor(target: { readonly host: string; readonly port: number }, host: string) {
    this.#target = target
    this.host = host
  }

  async listen(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((client) => this.#pair(client)).listen(this.port, this.host)
    await once(server, 'listening')
    this.#server = server
    this.port = (server.address() as AddressInfo).port // it listens on TCP
  }

  delay(milliseconds: number): void {
    this.#delay = milliseconds
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut()
    if (server === undefined) return
    server.close()
    this.cut()
    await once(server, 'close')
  }

  hold(): void {
    this.#holding = true
  }

  holdNew(): void {
    this.#holdingNew = true
  }

  get held(): number {
    return this.#held.length
  }

  async restore(): Promise<void> {
    this.#holding = false
    this.#holdingNew = false
    this.#delay = 0
    for (const pass of this.#held.splice(0)) pass()
    await this.listen()
  }

  #pair(client: Socket): void {
    const server = connect(this.#target.port, this.#target.host)
    this.#join(client, server)
    this.#join(server, client)
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    const isNew = this.#holdingNew
    from.on('data', (data) => this.#later(isNew, () => void (to.writable && to.write(data))))
    from.on('end', () => this.#later(isNew, () => to.end()))
  }

  /** In order: timers of equal length fire in the order in which they were set. */
  #later(isNew: boolean, pass: () => void): void {
    if (this.#holding || (isNew && this.#holdingNew)) this.#held.push(pass)
    else if (this.#delay > 0) setTimeout(pass, this.#delay)
    else pass()
  }
}
