import { fileURLToPath } from 'node:url'
import { firstLine, start } from '../processes.ts'
import type { Contestant } from './contestant.ts'

/** The library alone, at its best: keep-alive to the upstream, nothing decided, nothing logged. */
export const httpProxy: Contestant = {
  name: 'http-proxy',
  absent: () => undefined,
  async start({ upstreamPort }) {
    const program = fileURLToPath(new URL('./http-proxy-server.ts', import.meta.url))
    const running = start(process.execPath, ['--no-deprecation', program, String(upstreamPort)])
    return { running, port: Number(await firstLine(running)) }
  },
}
