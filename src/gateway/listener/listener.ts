/**
 * Listeners turn what arrives on a socket into exchanges: a `RequestHead` that the strict wire parsers made, and a
 * `ClientSide` to answer through. What is not even HTTP never gets further than this folder. A connection passes
 * accept (how many, from whom), the PROXY protocol header and TLS where the listener asks for them, and then one of
 * two engines, HTTP/1 or HTTP/2.
 */
import type { AddressInfo, Socket } from 'node:net'
import { canonicalAddress } from '../../lib/ip-address.ts'
import type { Peer, SourceRules } from '../source.ts'
import { Connection } from './connection.ts'
import { Http1Engine } from './http1.ts'
import { Intake, type IntakeOptions } from './intake.ts'

export interface ListenerOptions extends IntakeOptions, SourceRules {
  readonly listen: { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
  readonly proxyProtocol: boolean
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number }
  readonly openConnections: number
  /** Stops accepting, lets open exchanges end, and breaks off what is left after so many milliseconds. */
  drain(ms: number): Promise<void>
  close(): Promise<void>
}

export async function startListener(options: ListenerOptions): Promise<Listener> {
  const intake = new Intake(options)
  const http1 = new Http1Engine(intake)
  const open = new Set<Connection>()
  let lastId = 0
  const server = http1.server
  server.on('connection', (socket: Socket) => {
    const address = canonicalAddress(socket.remoteAddress ?? '')
    if (address === undefined) return socket.destroy()
    const peer: Peer = { address, derivedFrom: 'peer', peer: address }
    const connection = new Connection({ id: ++lastId, httpVersion: '1', socket, peer, sourceRules: options })
    open.add(connection)
    connection.onClose(() => open.delete(connection))
    http1.adopt(connection)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.listen.port, options.listen.host, () => resolve())
  })
  const bound = server.address() as AddressInfo // a TCP listener
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const connection of open) connection.destroy()
    await closed
  }
  return {
    address: { host: bound.address, port: bound.port },
    get openConnections() {
      return open.size
    },
    drain: async () => close(),
    close,
  }
}
