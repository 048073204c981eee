/** What the tests of several gateway processes share: who they are, and connections that stay parked in them. */
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import {
  acceptance,
  type GatehouseProcess,
  type Installation,
  installation,
  upstream,
} from '../operations/support.ts'

export interface Several {
  readonly one: Installation
  readonly gateway: GatehouseProcess
  /** Answers that the upstream holds open; each writes when told to. */
  readonly held: Set<ServerResponse>
}

export interface SeveralOptions {
  readonly processes?: number
  readonly settings?: string
  /** The log goes to this file instead of a pipe. */
  readonly logTo?: string
}

/** A gateway of several processes, all of them up, in front of an upstream that takes every sign-in and holds `/poll`. */
export async function several(t: Test, options: SeveralOptions = {}): Promise<Several> {
  const { processes = 2, settings } = options
  const held = new Set<ServerResponse>()
  const address = await upstream(t, (request, response) => {
    request.resume()
    if (request.url === '/login') return response.writeHead(302, acceptance).end()
    if (request.url !== '/poll') return response.end('welcome')
    held.add(response)
    response.once('close', () => held.delete(response))
    return response.write('parked')
  })
  const one = await installation(t, {
    upstream: address,
    gateway: `  processes: ${processes}`,
    listen: ['http://127.0.0.1:0'],
    ...(settings !== undefined && { settings }),
  })
  const gateway = await one.start(options.logTo)
  t.teardown(() => gateway.child.kill('SIGKILL'))
  await allServe(gateway)
  return { one, gateway, held }
}

export function allServe(gateway: GatehouseProcess): Promise<boolean> {
  return eventually(async () => (await gateway.ready()).parts.processes?.ok === true)
}

/** A process that is slow to tell what it has counted is not waited for: `/metrics` has what it told before. */
export function shows(gateway: GatehouseProcess, metric: string, value: number): Promise<true> {
  return eventually(async () => {
    const shown = await gateway.metric(metric)
    if (shown !== value) throw new Error(`${metric} is ${shown}, not ${value}`)
    return true
  })
}

/** The present pids of the gateway's workers, by what they are: 1, 2, …, `jobs`. */
export function pids({ log }: GatehouseProcess): Map<number | string, number> {
  const ready = log.filter(({ msg }) => msg === 'process ready')
  return new Map(ready.map(({ worker, pid }) => [worker as number | string, pid as number]))
}

export function isRunning(pid: number): boolean {
  try {
    // A zombie is one that has ended, and that nobody has asked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/**
 * Which gateway process has this local port?
 * @throws when none is seen to: the kernel's table is read in pieces, and what changes meanwhile may hide a line of it
 */
export function whoHas(gateway: GatehouseProcess, port: number): number {
  const local = new RegExp(`^ *\\d+: [0-9A-F]{8}:${port.toString(16).toUpperCase().padStart(4, '0')} `)
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const inodes = lines.filter((line) => local.test(line)).map((line) => line.trim().split(/ +/)[9])
  const pid = [...pids(gateway).values()].find((pid) =>
    socketsOf(pid).some((target) => inodes.some((inode) => target === `socket:[${inode}]`)),
  )
  if (pid === undefined) throw new Error(`no process has port ${port}`)
  return pid
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return '' // closed meanwhile
    }
  })
}

export interface Parked {
  /** What has come so far. */
  readonly text: () => string
  readonly ended: () => boolean
}

/** A long poll on a connection of its own, once the first of its answer has come. */
export async function park(t: Test, { plain }: GatehouseProcess, cookie: string): Promise<Parked> {
  const poll: ClientRequest = request({
    host: '127.0.0.1',
    port: plain,
    localAddress: internet,
    path: '/poll',
    agent: false,
    headers: { host: `chat.localhost:${plain}`, cookie },
  })
  t.teardown(() => poll.destroy())
  let ended = false
  let text = ''
  poll.once('close', () => {
    ended = true
  })
  poll.on('error', () => {})
  poll.end()
  const [response] = (await once(poll, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  response.on('error', () => {})
  response.on('data', (chunk: string) => {
    text += chunk
  })
  await eventually(() => text === 'parked')
  return { text: () => text, ended: () => ended }
}

export async function cookieOf(gateway: GatehouseProcess, user = 'alice'): Promise<string> {
  return (await gateway.signIn(wifi, { user })).cookies.join('; ')
}
