import type { Socket } from 'node:net'

const lingerFor = 1000

/**
 * Makes the socket end gently when its last answer is written: closing it while the client still sends makes the
 * kernel answer with a reset, and the client may lose the answer that tells it what was wrong (RFC 9112 9.6).
 */
export function lingerOnClose(socket: Socket): void {
  socket.destroySoon = () => {
    if (socket.destroyed) return
    const timer = setTimeout(() => socket.destroy(), lingerFor)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    socket.end()
    socket.resume()
  }
}
