import type { Duplex } from 'node:stream'
import type { TunnelEnd } from './order.ts'

/**
 * Two connections after an upgrade: bytes are copied both ways, no faster than the slower side reads, and neither is
 * looked at. When one side ends its half, so does the other; when one is gone, both are.
 */
export interface Tunnel {
  close(by: TunnelEnd): void
}

export interface TunnelOptions {
  readonly client: Duplex
  readonly upstream: Duplex
  /** Without a byte in either direction. */
  readonly idleTimeout: number
  /** Called once. `clean`: both sides ended their halves. */
  readonly onEnd: (by: TunnelEnd, clean: boolean) => void
}

export function openTunnel({ client, upstream, idleTimeout, onEnd }: TunnelOptions): Tunnel {
  let over = false
  let firstEnded: TunnelEnd | undefined
  let ends = 0
  const idle = setTimeout(() => finish('idle', false), idleTimeout)

  function finish(by: TunnelEnd, clean: boolean): void {
    if (over) return
    over = true
    clearTimeout(idle)
    // A clean end lets what is written still go out; anything else does not.
    if (!clean) {
      client.destroy()
      upstream.destroy()
    }
    onEnd(by, clean)
  }

  function ended(by: TunnelEnd): void {
    firstEnded ??= by
    ends += 1
    if (ends === 2) finish(firstEnded, true)
  }

  function copy(from: Duplex, to: Duplex, by: TunnelEnd): void {
    from.on('data', (chunk: Uint8Array) => {
      idle.refresh()
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.once('end', () => {
      to.end()
      ended(by)
    })
    from.on('error', () => finish(firstEnded ?? by, false))
    from.once('close', () => finish(firstEnded ?? by, false))
    if (from.destroyed) finish(by, false)
  }

  copy(client, upstream, 'client')
  copy(upstream, client, 'upstream')
  return { close: (by) => finish(by, false) }
}
