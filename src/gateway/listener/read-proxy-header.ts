import type { Socket } from 'node:net'
import { longestProxyHeader, parseProxyHeader } from './proxy-protocol.ts'

/** The header's address, or why there is none. After it the socket is paused, with what followed put back. */
export type ReadProxyHeader =
  | { readonly address: string | undefined }
  | { readonly problem: 'invalid' | 'too slow' | 'closed' }

export function readProxyHeader(socket: Socket, timeout: number): Promise<ReadProxyHeader> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    const timer = setTimeout(() => finish({ problem: 'too slow' }), timeout)
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const header = parseProxyHeader(bytes)
      if (header.kind === 'invalid') finish({ problem: 'invalid' })
      else if (header.kind === 'header') {
        socket.pause()
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
        finish({ address: header.address })
      } else if (bytes.length > longestProxyHeader) finish({ problem: 'invalid' })
    }
    const onClosed = () => finish({ problem: 'closed' })
    const finish = (result: ReadProxyHeader) => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('end', onClosed)
      socket.off('close', onClosed)
      resolve(result)
    }
    socket.on('data', onData)
    socket.on('end', onClosed)
    socket.on('close', onClosed)
  })
}
