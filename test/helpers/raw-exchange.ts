import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

export interface RawExchangeOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The source address that the server sees, in 127.0.0.0/8. */
  readonly localAddress?: string
  /** TLS with these options; the server name is `localhost` unless they say otherwise. */
  readonly tls?: ConnectionOptions
  /** Stop as soon as what has come so far fits; otherwise read until the server closes. */
  readonly until?: (received: string) => boolean
  /** Close our sending side after the bytes. */
  readonly halfClose?: boolean
}

/**
 * Sends exactly these bytes (one string a TCP write; a string is latin1) and answers what comes back, as latin1
 * text. For requests that no HTTP client would send. Fails after a minute without an end.
 */
export async function rawExchange(
  port: number,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  options: RawExchangeOptions = {},
): Promise<string> {
  const socket = await rawConnection(port, options)
  const parts = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes
  const received = receive(socket, options.until)
  for (const part of parts) await send(socket, part)
  if (options.halfClose === true) socket.end()
  return received
}

/** An open connection, for exchanges in several steps. The caller destroys it. */
export function rawConnection(port: number, options: RawExchangeOptions = {}): Promise<Socket> {
  const { host = '127.0.0.1', localAddress } = options
  const socket = connectTcp({ port, host, noDelay: true, ...(localAddress && { localAddress }) })
  const connected =
    options.tls === undefined ? socket : connectTls({ servername: 'localhost', ...options.tls, socket })
  return new Promise((resolve, reject) => {
    connected.once('error', reject)
    socket.once('error', reject)
    connected.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      connected.off('error', reject)
      resolve(connected)
    })
  })
}

/** What the server sends from now on, until it closes or `until` fits. A reset ends it like a close. */
export function receive(socket: Socket, until?: (received: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const bound = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end within a minute; received so far: ${JSON.stringify(received)}`))
    }, 60_000)
    const finish = () => {
      clearTimeout(bound)
      socket.destroy()
      resolve(received)
    }
    socket.on('error', finish)
    socket.on('close', finish)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (until?.(received) === true) finish()
    })
  })
}

function send(socket: Socket, part: string | Uint8Array): Promise<void> {
  const chunk = typeof part === 'string' ? Buffer.from(part, 'latin1') : part
  // A server that refuses early may have closed already: what it said is still to be read.
  return new Promise((resolve) => socket.write(chunk, () => resolve()))
}
