import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** An address of this machine that hardly any other test uses: a port that was free a moment ago is then free still. */
export function ownAddress(): string {
  return `127.${randomInt(100, 200)}.${randomInt(1, 255)}.${randomInt(1, 255)}`
}

/**
 * A port that is free, and stays it until it is used: below those that the system hands out for connections and for
 * port 0 (from 32,768 on, unless somebody has set it otherwise), so that whatever else runs does not come upon it.
 */
export async function freePort(host: string): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_000)
    if (await isFree(host, port)) return port
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, host), 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
