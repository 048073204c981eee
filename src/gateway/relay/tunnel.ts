import type { Duplex } from 'node:stream'
import type { TunnelEnd } from './order.ts'

/**
 * Two connections after an upgrade: bytes are copied both ways, no faster than the slower side reads, and neither is
 * looked at. When one side ends its half, so does the other; when one is gone, both are.
 */
export interface Tunnel {
  /** The client side says that it is over; its connection normally says so itself. */
  clientClosed(): void
}

export interface TunnelOptions {
  readonly client: Duplex
  readonly upstream: Duplex
  /** Without a byte in either direction. */
  readonly idleTimeout: number
  /** Called once. `clean`: both sides ended their halves, and everything was written. */
  readonly onEnd: (by: TunnelEnd, clean: boolean) => void
}

export function openTunnel({ client, upstream, idleTimeout, onEnd }: TunnelOptions): Tunnel {
  let over = false
  let firstEnded: TunnelEnd | undefined
  let closed = 0
  const idle = setTimeout(() => finish('idle', false), idleTimeout)

  function finish(by: TunnelEnd, clean: boolean): void {
    if (over) return
    over = true
    clearTimeout(idle)
    client.destroy()
    upstream.destroy()
    onEnd(by, clean)
  }

  /** A side that is gone with both halves ended leaves the other one the time to write what it still has. */
  function gone(side: Duplex, by: TunnelEnd): void {
    closed += 1
    const clean = side.readableEnded && side.writableFinished
    if (!clean || closed === 2) finish(firstEnded ?? by, clean)
  }

  function copy(from: Duplex, to: Duplex, by: TunnelEnd): void {
    from.on('data', (chunk: Uint8Array) => {
      idle.refresh()
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.once('end', () => {
      firstEnded ??= by
      to.end()
    })
    from.on('error', () => finish(firstEnded ?? by, false))
    from.once('close', () => gone(from, by))
    if (from.destroyed) finish(by, false)
  }

  copy(client, upstream, 'client')
  copy(upstream, client, 'upstream')
  return {
    clientClosed: () => {
      if (!client.destroyed) finish('client', false)
    },
  }
}
