import type { Socket } from 'node:net'

/**
 * Some servers send `100 Continue` unasked, which every client has to bear (RFC 9110 15.2). undici takes it for an
 * invalid answer, so it is taken out of what undici reads. Only where an answer's first byte is awaited: a body may
 * well begin with the same letters. One that arrives in pieces is left to undici, and is then an invalid answer.
 */
export function withoutUnaskedContinue(socket: Socket, awaitsAnswer: () => boolean): void {
  const read = socket.read.bind(socket)
  socket.read = (size?: number) => {
    const chunk = read(size)
    return chunk === null || !awaitsAnswer() ? chunk : afterContinue(chunk)
  }
}

function afterContinue(chunk: Buffer): Buffer {
  let rest = chunk
  while (rest.length > 12 && rest[9] === 0x31 && rest.toString('latin1', 0, 12) === 'HTTP/1.1 100') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return rest
    rest = rest.subarray(end + 4)
  }
  return rest
}
