import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contestant, Started } from '../contestants/contestant.ts'
import { gatehouse, gatehouseOnAllCores } from '../contestants/gatehouse.ts'
import { haproxy } from '../contestants/haproxy.ts'
import { httpProxy } from '../contestants/http-proxy.ts'
import { nginx, nginxAuthRequest } from '../contestants/nginx.ts'
import { applyLoad, type LoadResult, summary } from '../load.ts'
import { cpuSeconds, firstLine, start } from '../processes.ts'
import type { Scenario } from './scenario.ts'

const contestants: readonly Contestant[] = [
  gatehouse,
  gatehouseOnAllCores,
  httpProxy,
  nginx,
  nginxAuthRequest,
  haproxy,
]

interface Runner {
  readonly name: string
  readonly started: Started
  readonly results: LoadResult[]
  cpuSeconds: number
}

interface Load {
  /** Of measuring each contestant, and of warming it up first. */
  readonly seconds: number
  readonly warmUp: number
  readonly rounds: number
  readonly connections: number
}

export const proxies: Scenario = {
  name: 'proxies',
  summary: 'requests per CPU-second, beside other proxies in one run',
  options: {
    seconds: { default: 10, description: 'of measuring each proxy' },
    warmUp: { default: 6, description: 'seconds of warming each up' },
    rounds: { default: 10, description: 'turns that the seconds are spread over' },
    connections: { default: 64, description: 'open at a time' },
  },
  async run({ seconds = 10, warmUp = 6, rounds = 10, connections = 64 }) {
    await compare({ seconds, warmUp, rounds, connections })
  },
}

async function compare(load: Load): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const upstream = start(process.execPath, [fileURLToPath(new URL('../upstream.ts', import.meta.url))])
  const runners: Runner[] = []
  try {
    const upstreamPort = Number(await firstLine(upstream))
    for (const contestant of contestants) {
      const runner = await enter(contestant, { upstreamPort, folder })
      if (runner !== undefined) runners.push(runner)
    }
    // The just-in-time compiler is done after some ten thousand requests, whoever is measured.
    for (const runner of runners) {
      process.stderr.write(`${runner.name}: warming up\n`)
      await run(runner, load, load.warmUp)
    }
    for (let round = 1; round <= load.rounds; round++) {
      process.stderr.write(`round ${round} of ${load.rounds}\n`)
      for (const runner of runners) await measure(runner, load)
    }
    print(runners, load)
  } finally {
    await Promise.all(runners.map(({ started }) => started.running.stop()))
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function enter(
  contestant: Contestant,
  { upstreamPort, folder }: { readonly upstreamPort: number; readonly folder: string },
): Promise<Runner | undefined> {
  const { name } = contestant
  const absent = contestant.absent()
  if (absent !== undefined) {
    process.stderr.write(`${name}: left out, ${absent}\n`)
    return undefined
  }
  const started = await contestant.start({ upstreamPort, folder: join(folder, name.replaceAll(/\W+/g, '-')) })
  return { name, started, results: [], cpuSeconds: 0 }
}

function run({ started }: Runner, { connections }: Load, seconds: number): Promise<LoadResult> {
  const headers = started.headers ?? 'Cookie: session=1234567890\r\n'
  return applyLoad({ port: started.port, connections, seconds, request: requestWith(headers) })
}

/** The contestants take turns, so that whatever else the machine does for a while meets all of them. */
async function measure(runner: Runner, load: Load): Promise<void> {
  const pid = runner.started.running.process.pid ?? 0
  const before = cpuSeconds(pid)
  runner.results.push(await run(runner, load, load.seconds / load.rounds))
  runner.cpuSeconds += cpuSeconds(pid) - before
}

function requestWith(headers: string): string {
  return `GET /api/messages?since=42 HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nReferer: http://bench.localhost/\r\nSec-Fetch-Mode: cors\r\n${headers}\r\n`
}

function print(measured: readonly Runner[], { connections, seconds, rounds }: Load): void {
  const rows = measured.map((runner) => ({ ...summary(runner.results), runner }))
  const perCpuSecond = ({ runner, requests }: (typeof rows)[number]) => requests / runner.cpuSeconds
  const baseline = rows.find(({ runner }) => runner.name === httpProxy.name)
  console.log(
    `\n${connections} connections, keep-alive, plain HTTP, 1 KB answers, ${seconds} s each in ${rounds} turns`,
  )
  console.table(
    rows.map((row) => ({
      proxy: row.runner.name,
      'requests/CPU-second': Math.round(perCpuSecond(row)),
      '× http-proxy': baseline && Number((perCpuSecond(row) / perCpuSecond(baseline)).toFixed(2)),
      'requests/s': Math.round(row.requests / row.seconds),
      'p50 ms': Number(row.p50.toFixed(2)),
      'p99 ms': Number(row.p99.toFixed(2)),
    })),
  )
}
