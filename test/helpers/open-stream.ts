import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { Test } from 'tap'

export interface OpenStream {
  readonly status: number
  /** Resolves when it is over, however it ended. */
  readonly ended: Promise<void>
}

/** An answer that goes on and on, over TLS and a connection of its own; open once its head is there. */
export async function openStream(
  t: Test,
  options: {
    readonly port: number
    readonly ca: string
    readonly path: string
    readonly from: string
    readonly cookie: string
    readonly host?: string
    /** Client certificate, PEM. */
    readonly cert?: string
    readonly key?: string
  },
): Promise<OpenStream> {
  const { port, ca, path, from, cookie, host = 'chat.localhost', cert, key } = options
  const asking = request({
    ...{ host: '127.0.0.1', port, ca, path, localAddress: from, servername: host, agent: false },
    ...(cert !== undefined && { cert, key }),
    headers: { host: `${host}:${port}`, cookie },
  })
  asking.end()
  t.teardown(() => asking.destroy())
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const ended = new Promise<void>((resolve) => response.once('close', resolve))
  // Broken off is one way to end.
  response.on('error', () => {})
  asking.on('error', () => {})
  response.resume()
  return { status: response.statusCode ?? 0, ended }
}
