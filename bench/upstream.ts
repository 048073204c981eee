import { createServer } from 'node:net'

/**
 * A do-nothing upstream and authoriser: it answers each request head with the same 1 KB, as cheaply as Node can, so
 * that it is not what is measured. A POST is a sign-in that succeeds, and `/poll` is a long poll that nothing comes of.
 * Prints its port.
 */
const body = 'x'.repeat(1024)
const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: private\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: upstream\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const signedIn =
  'HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: session=1\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n'

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    const received = rest + chunk
    if (received.startsWith('POST ') || received.startsWith('GET /poll')) {
      // The connection is one of a pool: what comes next on it is read from its beginning.
      rest = isWhole(received) ? '' : received
      if (rest === '' && received.startsWith('POST ')) socket.write(signedIn)
      return
    }
    const heads = received.split('\r\n\r\n')
    rest = heads.pop() ?? ''
    if (heads.length > 0) socket.write(answer.repeat(heads.length))
  })
  socket.on('error', () => socket.destroy())
})

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1] ?? 0
  return end >= 0 && received.length >= end + 4 + Number(length)
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`)
})
