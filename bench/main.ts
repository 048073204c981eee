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
import type { Contestant } from './contestants/contestant.ts'
import { gatehouse } from './contestants/gatehouse.ts'
import { haproxy } from './contestants/haproxy.ts'
import { httpProxy } from './contestants/http-proxy.ts'
import { nginx, nginxAuthRequest } from './contestants/nginx.ts'
import { applyLoad, type LoadResult } from './load.ts'
import { cpuSeconds, firstLine, start } from './processes.ts'

const contestants: readonly Contestant[] = [gatehouse, httpProxy, nginx, nginxAuthRequest, haproxy]

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    warmUp: { type: 'string', default: '8' },
    connections: { type: 'string', default: '64' },
  },
})

interface Row extends LoadResult {
  readonly name: string
  readonly perCpuSecond: number
}

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
const upstream = start(process.execPath, [fileURLToPath(new URL('./upstream.ts', import.meta.url))])
try {
  const upstreamPort = Number(await firstLine(upstream))
  const rows: Row[] = []
  for (const contestant of contestants) {
    const absent = contestant.absent()
    if (absent !== undefined) {
      process.stderr.write(`${contestant.name}: left out, ${absent}\n`)
      continue
    }
    process.stderr.write(`${contestant.name} …\n`)
    rows.push(await measure(contestant, upstreamPort))
  }
  print(rows)
} finally {
  await upstream.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function measure(contestant: Contestant, upstreamPort: number): Promise<Row> {
  const { running, port, headers } = await contestant.start({
    upstreamPort,
    folder: join(folder, contestant.name.replaceAll(/\W+/g, '-')),
  })
  try {
    const request = `GET /api/messages?since=42 HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nReferer: http://bench.localhost/\r\nSec-Fetch-Mode: cors\r\n${headers ?? 'Cookie: session=1234567890\r\n'}\r\n`
    const order = { port, connections: Number(values.connections), request }
    // The just-in-time compiler is done after some ten thousand requests, whoever is measured.
    await applyLoad({ ...order, seconds: Number(values.warmUp) })
    const pid = running.process.pid ?? 0
    const before = cpuSeconds(pid)
    const result = await applyLoad({ ...order, seconds: Number(values.seconds) })
    const used = cpuSeconds(pid) - before
    return { name: contestant.name, ...result, perCpuSecond: result.requests / used }
  } finally {
    await running.stop()
  }
}

function print(rows: readonly Row[]): void {
  const baseline = rows.find(({ name }) => name === httpProxy.name)?.perCpuSecond ?? Number.NaN
  console.log(
    `\n${values.connections} connections, keep-alive, plain HTTP, 1 KB answers, ${values.seconds} s each`,
  )
  console.table(
    rows.map(({ name, requests, seconds, perCpuSecond, p50, p99 }) => ({
      proxy: name,
      'requests/CPU-second': Math.round(perCpuSecond),
      '× http-proxy': Number((perCpuSecond / baseline).toFixed(2)),
      'requests/s': Math.round(requests / seconds),
      'p50 ms': Number(p50.toFixed(2)),
      'p99 ms': Number(p99.toFixed(2)),
    })),
  )
}
