import { connect, type Socket } from 'node:net'
import type { Limits } from '../../src/domain/limits.ts'
import { reasons } from '../../src/domain/reason.ts'
import type { RequestHead } from '../../src/domain/request-head.ts'
import type { ClientSide } from '../../src/gateway/client-side.ts'
import type { MalformedRequest } from '../../src/gateway/listener/intake.ts'
import { type Listener, type ListenerOptions, startListener } from '../../src/gateway/listener/listener.ts'
import { strictPathRules } from '../../src/gateway/wire/path.ts'
import { IpSet } from '../../src/lib/ip-set.ts'
import { defaultLimits } from '../helpers/limits.ts'

export const limits: Limits = defaultLimits

export interface UnderTest {
  readonly listener: Listener
  readonly heads: RequestHead[]
  readonly refusals: MalformedRequest[]
  readonly port: number
}

type Overrides = Partial<Omit<ListenerOptions, 'limits'>> & { readonly limits?: Partial<Limits> }

/** A listener whose handler answers `METHOD path body` and whose refusals are answered with status and reason. */
export async function listenerUnderTest(
  t: { teardown(handler: () => unknown): void },
  overrides: Overrides = {},
): Promise<UnderTest> {
  const heads: RequestHead[] = []
  const refusals: MalformedRequest[] = []
  let lastId = 0
  const onExchange = overrides.onExchange ?? echo
  const listener = await startListener({
    listen: { scheme: 'http', host: '127.0.0.1', port: 0 },
    trustedProxies: IpSet.of([]),
    forwarded: 'x-forwarded-for',
    proxyProtocol: false,
    pathRules: () => strictPathRules,
    upgrades: () => ['websocket'],
    now: Date.now,
    newId: () => `id-${++lastId}`,
    ...overrides,
    limits: { ...limits, ...overrides.limits },
    onExchange: (head, client) => {
      heads.push(head)
      return onExchange(head, client)
    },
    onRefused: (refusal, client) => {
      refusals.push(refusal)
      if (client !== undefined) answer(client, reasons[refusal.reason].status, refusal.reason)
    },
  })
  t.teardown(() => listener.close())
  return { listener, heads, refusals, port: listener.address.port }
}

export async function echo(head: RequestHead, client: ClientSide): Promise<void> {
  try {
    answer(client, 200, `${head.method} ${head.path} ${await readBody(client)}`)
  } catch (error) {
    answer(client, 400, (error as { reason: string }).reason)
  }
}

export async function readBody(client: ClientSide): Promise<string> {
  if (client.body === undefined) return ''
  const chunks: Buffer[] = []
  for await (const chunk of client.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

export function answer(client: ClientSide, status: number, text: string): void {
  if (client.headSent) {
    client.abort('failure')
    return
  }
  client.sendHead(status, ['Content-Length', String(Buffer.byteLength(text))])
  client.write(Buffer.from(text))
  client.end()
}

/** Sends bytes and collects what comes back until the other side closes, or until `enough` says so. */
export async function rawExchange(
  port: number,
  bytes: string | Buffer,
  enough: (received: string) => boolean = () => false,
): Promise<{ readonly received: string; readonly closed: boolean }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  return await collect(socket, bytes, enough)
}

export function collect(
  socket: Socket,
  bytes: string | Buffer,
  enough: (received: string) => boolean,
): Promise<{ readonly received: string; readonly closed: boolean }> {
  return new Promise((resolve) => {
    let received = ''
    const finish = (closed: boolean) => {
      socket.destroy()
      resolve({ received, closed })
    }
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (enough(received)) finish(false)
    })
    socket.on('end', () => finish(true))
    socket.on('error', () => finish(true))
    socket.on('close', () => finish(true))
    socket.write(bytes)
  })
}

export function statusOf(received: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)
}

/** One complete answer with a Content-Length has arrived. */
export function oneAnswer(received: string): boolean {
  return answers(received) >= 1
}

/** The bodies of answers with a Content-Length. */
export function bodiesOf(received: string): string[] {
  const bodies: string[] = []
  for (let rest = received; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n') + 4
    const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
    bodies.push(rest.slice(end, end + length))
    rest = rest.slice(end + length)
  }
  return bodies
}

export function answers(received: string): number {
  let count = 0
  let rest = received
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return count
    const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
    if (rest.length < end + 4 + length) return count
    rest = rest.slice(end + 4 + length)
    count++
  }
}
