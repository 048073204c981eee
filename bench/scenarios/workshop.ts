import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { firstLine, start } from '../processes.ts'
import { benchServers, type Servers } from '../servers.ts'

/** What most scenarios need: an upstream, a folder, and servers when they are asked for. All of it goes with the work. */
export interface Workshop {
  readonly folder: string
  readonly upstreamPort: number
  readonly servers: Servers
}

export async function withWorkshop(work: (workshop: Workshop) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const upstream = start(process.execPath, [fileURLToPath(new URL('../upstream.ts', import.meta.url))])
  const servers = benchServers()
  try {
    await work({ folder, upstreamPort: Number(await firstLine(upstream)), servers })
  } finally {
    await upstream.stop()
    await servers.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
