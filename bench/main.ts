/**
 * `npm run bench`: what Gatehouse costs per request, measured against other proxies in one run on loopback. The figure
 * is requests per CPU-second (user and system time of the proxy's processes), which a noisy machine disturbs least;
 * compare the ratios of one run, never figures of two.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Contestant, Started } from './contestants/contestant.ts'
import { gatehouse } from './contestants/gatehouse.ts'
import { haproxy } from './contestants/haproxy.ts'
import { httpProxy } from './contestants/http-proxy.ts'
import { nginx, nginxAuthRequest } from './contestants/nginx.ts'
import { applyLoad, type LoadResult, summary } from './load.ts'
import { cpuSeconds, firstLine, start } from './processes.ts'

const contestants: readonly Contestant[] = [gatehouse, httpProxy, nginx, nginxAuthRequest, haproxy]

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    warmUp: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '64' },
  },
})
const connections = Number(values.connections)
const rounds = Number(values.rounds)

interface Runner {
  readonly name: string
  readonly started: Started
  readonly results: LoadResult[]
  cpuSeconds: number
}

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
const upstream = start(process.execPath, [fileURLToPath(new URL('./upstream.ts', import.meta.url))])
const runners: Runner[] = []
try {
  const upstreamPort = Number(await firstLine(upstream))
  for (const contestant of contestants) await enter(contestant, upstreamPort)
  // The just-in-time compiler is done after some ten thousand requests, whoever is measured.
  for (const runner of runners) {
    process.stderr.write(`${runner.name}: warming up\n`)
    await run(runner, Number(values.warmUp))
  }
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    for (const runner of runners) await measure(runner, Number(values.seconds) / rounds)
  }
  print(runners)
} finally {
  await Promise.all(runners.map(({ started }) => started.running.stop()))
  await upstream.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function enter(contestant: Contestant, upstreamPort: number): Promise<void> {
  const { name } = contestant
  const absent = contestant.absent()
  if (absent !== undefined) {
    process.stderr.write(`${name}: left out, ${absent}\n`)
    return
  }
  const started = await contestant.start({ upstreamPort, folder: join(folder, name.replaceAll(/\W+/g, '-')) })
  runners.push({ name, started, results: [], cpuSeconds: 0 })
}

function run({ started }: Runner, seconds: number): Promise<LoadResult> {
  const headers = started.headers ?? 'Cookie: session=1234567890\r\n'
  return applyLoad({ port: started.port, connections, seconds, request: requestWith(headers) })
}

/** The contestants take turns, so that whatever else the machine does for a while meets all of them. */
async function measure(runner: Runner, seconds: number): Promise<void> {
  const pid = runner.started.running.process.pid ?? 0
  const before = cpuSeconds(pid)
  runner.results.push(await run(runner, seconds))
  runner.cpuSeconds += cpuSeconds(pid) - before
}

function requestWith(headers: string): string {
  return `GET /api/messages?since=42 HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nReferer: http://bench.localhost/\r\nSec-Fetch-Mode: cors\r\n${headers}\r\n`
}

function print(measured: readonly Runner[]): void {
  const rows = measured.map((runner) => ({ ...summary(runner.results), runner }))
  const perCpuSecond = ({ runner, requests }: (typeof rows)[number]) => requests / runner.cpuSeconds
  const baseline = rows.find(({ runner }) => runner.name === httpProxy.name)
  console.log(
    `\n${connections} connections, keep-alive, plain HTTP, 1 KB answers, ${values.seconds} s each in ${rounds} turns`,
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
