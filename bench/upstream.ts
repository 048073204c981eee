import { createServer } from 'node:net'

/**
 * A do-nothing upstream and authoriser: it answers each request head with the same 1 KB, as cheaply as Node can, so
 * that it is not what is measured. Prints its port.
 */
const body = 'x'.repeat(1024)
const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: private\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: upstream\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    const heads = (rest + chunk).split('\r\n\r\n')
    rest = heads.pop() ?? ''
    if (heads.length > 0) socket.write(answer.repeat(heads.length))
  })
  socket.on('error', () => socket.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`)
})
