/**
 * The last part of a push's way: real devices hold a connection to Apple's courier open, and hear on it what an MDM server
 * has pushed. Here a device holds `GET /pushes/TOKEN` open, and each push is a line of JSON. For a device that is away the
 * newest push is kept, as Apple keeps one.
 */
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import type { SimulatedApns } from '../apns.ts'
import {
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from '../simulation.ts'

/** Where devices listen: the port after that of the push service. */
export function courierOf(pushService: URL): URL {
  const url = new URL(`http://${pushService.hostname}`)
  url.port = String(Number(pushService.port) + 1)
  return url
}

export async function startCourier(apns: SimulatedApns, options: SimulationOptions): Promise<Simulation> {
  const connected = new Map<string, ServerResponse>()
  const kept = new Map<string, unknown>()
  apns.onPush(({ token, body }) => {
    const device = connected.get(token)
    if (device === undefined) kept.set(token, body)
    else device.write(line(body))
  })
  return startSimulation(options, (exchange) => {
    const token = /^\/pushes\/([0-9a-f]{64})$/.exec(exchange.url.pathname)?.[1]
    if (token === undefined) return exchange.text(404, 'GET /pushes/TOKEN, with the token in hexadecimal\n')
    connect(token, exchange)
  })

  function connect(token: string, { response }: SimulatedExchange): void {
    connected.get(token)?.end()
    connected.set(token, response)
    response.on('close', () => {
      if (connected.get(token) === response) connected.delete(token)
    })
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    if (kept.has(token)) response.write(line(kept.get(token)))
    kept.delete(token)
  }
}

function line(body: unknown): string {
  return `${JSON.stringify(body)}\n`
}

export interface Listening {
  readonly token: string
  readonly onPush: (body: unknown) => void
  readonly signal: AbortSignal
}

/**
 * Connects a device to the courier.
 * @returns resolves once it is connected; the promise in it, when the connection has ended
 * @throws the error of the connection
 */
export async function hearPushes(
  courier: URL,
  { token, onPush, signal }: Listening,
): Promise<{ readonly ended: Promise<void> }> {
  const asked = request(new URL(`/pushes/${token}`, courier), { agent: false, signal })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  // What ends the connection is told by `close`.
  asked.on('error', () => {})
  response.on('error', () => {})
  if (response.statusCode !== 200) throw new Error(`${courier.origin} answered ${response.statusCode}`)
  const lines = createInterface({ input: response })
  lines.on('line', (text) => onPush(JSON.parse(text)))
  lines.on('error', () => {})
  return { ended: new Promise((resolve) => response.once('close', resolve)) }
}
