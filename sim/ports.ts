import { once } from 'node:events'
import { createServer } from 'node:net'

export class PortTaken extends Error {}

export interface Address {
  readonly host: string
  readonly port: number
}

/** @throws PortTaken for the first address that another program listens on, with what to do about it */
export async function assertFree(addresses: readonly Address[]): Promise<void> {
  for (const { host, port } of addresses) {
    const server = createServer()
    try {
      server.listen(port, host)
      await once(server, 'listening')
    } catch (error) {
      throw new PortTaken(describe({ host, port }, error))
    }
    server.close()
    await once(server, 'close')
  }
}

function describe({ host, port }: Address, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException // what `listen` fails with
  if (code !== 'EADDRINUSE') return `Cannot listen on ${host}:${port}: ${code}`
  return (
    `Port ${port} of ${host} is taken, perhaps by another \`npm start\`. ` +
    'Stop that, or choose other ports in config/gatehouse.yaml.'
  )
}
