/**
 * Listeners turn what arrives on a socket into exchanges: a `RequestHead` that the strict wire parsers made, and a
 * `ClientSide` to answer through. What is not even HTTP never gets further than this folder. A connection passes
 * accept (how many, from whom), the PROXY protocol header and TLS where the listener asks for them, and then one of
 * two engines, HTTP/1 or HTTP/2.
 */
import type { AddressInfo } from 'node:net'
import { Doors } from './doors.ts'
import type { ListenerOptions } from './listener-options.ts'
import type { TlsMaterial } from './tls-material.ts'

export type { MalformedRequest } from './intake.ts'
export type { ListenerOptions } from './listener-options.ts'

export interface Listener {
  readonly address: { readonly host: string; readonly port: number }
  readonly openConnections: number
  /** Stops accepting, lets open exchanges end, and breaks off what is left after so many milliseconds. */
  drain(ms: number): Promise<void>
  /** Breaks off everything at once. */
  close(): Promise<void>
  /** New certificates for connections from now on; open ones stay. */
  reloadTls(material: TlsMaterial): void
}

/** @throws when the address cannot be bound, or `https` is asked for without certificates */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { host, port } = options.listen
  const doors = new Doors(options)
  const server = doors.front
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      // Descriptors running low: stop accepting for a moment, keep serving, never exit.
      server.on('error', () => {})
      resolve()
    })
  })
  const bound = server.address() as AddressInfo // a TCP listener
  return {
    address: { host: bound.address, port: bound.port },
    get openConnections() {
      return doors.openConnections
    },
    drain: (ms) => doors.drain(ms),
    close: () => doors.drain(0),
    reloadTls: (material) => doors.reloadTls(material),
  }
}
