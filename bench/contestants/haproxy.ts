import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { isInstalled, listening, start } from '../processes.ts'
import type { Contestant } from './contestant.ts'

export const haproxy: Contestant = {
  name: 'HAProxy',
  absent: () => (isInstalled('haproxy') ? undefined : 'haproxy is not installed'),
  async start({ upstreamPort, folder }) {
    const port = await freePort()
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(
      file,
      `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend users
  bind 127.0.0.1:${port}
  default_backend service
backend service
  server one 127.0.0.1:${upstreamPort}
`,
    )
    const running = start('haproxy', ['-db', '-f', file])
    await listening(port)
    return { running, port }
  },
}
