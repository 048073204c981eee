import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface UpstreamServer {
  readonly url: string
  /** What has reached it, in order. */
  readonly requests: readonly { readonly target: string; readonly headers: IncomingHttpHeaders }[]
}

/** A server behind the gateway that answers as `answer` says and remembers what it was asked. */
export async function upstreamServer(
  t: Test,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<UpstreamServer> {
  const requests: { target: string; headers: IncomingHttpHeaders }[] = []
  const server = createServer((request, response) => {
    requests.push({ target: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests } // a TCP listener
}
