import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** An address of this machine that hardly any other test uses: a port that was free a moment ago is then free still. */
export function ownAddress(): string {
  return `127.${randomInt(100, 200)}.${randomInt(1, 255)}.${randomInt(1, 255)}`
}

export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  await once(server, 'close')
  return port
}
