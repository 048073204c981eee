import { connect, type Socket } from 'node:net'

/** Closed-loop load over plain HTTP/1.1 keep-alive: each connection sends its next request when its answer is complete. */
export interface LoadOrder {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** The whole request, as bytes; as a function, that of each turn. */
  readonly request: string | (() => string)
  /** The first line that each answer must begin with, up to the status. */
  readonly expect?: string
  /** Ends before its time when this is true. */
  readonly until?: () => boolean
  /** Milliseconds that each connection waits between an answer and its next request; 0 when undefined. */
  readonly pause?: number
}

export interface LoadResult {
  readonly seconds: number
  /** Milliseconds of each request. */
  readonly latencies: readonly number[]
}

/** Several results as one. */
export function summary(results: readonly LoadResult[]) {
  const latencies = results.flatMap((result) => result.latencies).sort((a, b) => a - b)
  return {
    requests: latencies.length,
    seconds: results.reduce((sum, result) => sum + result.seconds, 0),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

export async function applyLoad(order: LoadOrder): Promise<LoadResult> {
  const { port, connections, seconds, request, expect = 'HTTP/1.1 200', until = never, pause = 0 } = order
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, () => drive({ port, request, expect, end, until, latencies, pause })),
  )
  return { latencies, seconds: (performance.now() - start) / 1000 }
}

const never = () => false

interface Drive {
  readonly port: number
  readonly request: string | (() => string)
  readonly expect: string
  readonly until: () => boolean
  readonly end: number
  readonly latencies: number[]
  readonly pause: number
}

function drive({ port, request, expect, end, until, latencies, pause }: Drive): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let received = ''
    let sentAt = 0
    const send = () => {
      sentAt = performance.now()
      socket.write(typeof request === 'string' ? request : request())
    }
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      received += chunk
      const length = answerLength(received)
      if (length === undefined || received.length < length) return
      if (!received.startsWith(expect))
        return reject(new Error(`unexpected answer: ${received.slice(0, 400)}`))
      received = received.slice(length)
      const now = performance.now()
      latencies.push(now - sentAt)
      if (now < end && !until()) return void (pause > 0 ? setTimeout(send, pause) : send())
      socket.end()
      resolve()
    })
    socket.on('close', () => resolve())
  })
}

/** Bytes of the whole answer; undefined while its head is incomplete. Contestants keep the upstream's Content-Length. */
function answerLength(received: string): number | undefined {
  const head = received.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, head))?.[1]
  if (length === undefined) throw new Error(`no Content-Length in: ${received.slice(0, head)}`)
  return head + 4 + Number(length)
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
