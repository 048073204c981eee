/**
 * What the tests of failures share: `gatehouse run` on one machine or two, each of several processes, with a real Redis
 * and a real PostgreSQL behind proxies by which the network between them can fail.
 */
import type { ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/ports.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import type { ClientAnswer } from '../helpers/http-client.ts'
import { type PostgresServer, postgresServer } from '../helpers/postgres.ts'
import { type RedisUnderTest, startRedis } from '../helpers/redis.ts'
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts'
import {
  acceptance,
  type GatehouseProcess,
  type Installation,
  installation,
  upstream,
} from '../operations/support.ts'
import { allServe, pids } from '../supervisor/support.ts'

export interface SiteOptions {
  readonly machines?: number
  /** Gateway processes of each machine. */
  readonly processes?: number
  /** False: SQLite, on one machine. */
  readonly postgres?: boolean
  readonly redis?: boolean
  /** Lines of redis.conf. */
  readonly redisLines?: readonly string[]
  /** Of postgresql.conf. */
  readonly postgresSettings?: Readonly<Record<string, string>>
  /** Members of `limits` in the settings and in the policy. By default the record has the time of a busy machine. */
  readonly limits?: string
  readonly policyLimits?: string
  readonly gateway?: string
  /** Connections of each process to PostgreSQL. */
  readonly pool?: number
  readonly env?: Readonly<Record<string, string>>
  /** The value of `store` without PostgreSQL. */
  readonly store?: string
  /** Comes before the command that starts a machine. */
  readonly within?: readonly string[]
  /** Answers instead of the sample upstream; undefined: it does. */
  readonly upstream?: string
}

export interface Site {
  readonly machines: readonly Machine[]
  readonly first: GatehouseProcess
  readonly installation: Installation
  readonly redis: RedisUnderTest
  readonly toRedis: TcpProxy
  readonly postgres: PostgresServer
  readonly toPostgres: TcpProxy
  /** URL of the database, past the proxy. */
  readonly database: string
  /** Answers that the upstream holds open. */
  readonly held: ReadonlySet<ServerResponse>
  /** The record as another program has it open, past the proxy. */
  openStore(): Promise<Store>
}

export interface Machine {
  readonly one: Installation
  readonly gateway: GatehouseProcess
}

/** Everything runs and serves. What was not asked for is there and does nothing. */
export async function site(t: Test, options: SiteOptions = {}): Promise<Site> {
  const {
    machines: count = 1,
    processes = 2,
    redis: withRedis = true,
    postgres: withPostgres = true,
  } = options
  const redis = withRedis
    ? await startRedis(t, { lines: options.redisLines ?? [] })
    : nothing<RedisUnderTest>()
  const toRedis = withRedis ? await startTcpProxy(t, redis) : nothing<TcpProxy>()
  const postgres = withPostgres
    ? await postgresServer(t, { settings: options.postgresSettings ?? {} })
    : nothing<PostgresServer>()
  const toPostgres = withPostgres ? await startTcpProxy(t, postgres) : nothing<TcpProxy>()
  const database = withPostgres ? await postgres.createDatabase() : ''
  const held = new Set<ServerResponse>()
  const address = options.upstream ?? (await chat(t, held))
  const through = database.replace(/@[^/]*/, `@${toPostgres.host}:${toPostgres.port}`)
  const machines: Machine[] = []
  for (let n = 0; n < count; n++) {
    const one = await installation(t, {
      upstream: address,
      listen: ['https://127.0.0.1:0', 'http://127.0.0.1:0'],
      gateway: `  processes: ${processes}\n${options.gateway ?? ''}`,
      policy: `${evaluationLikePolicy}limits: { ${options.policyLimits ?? 'clientsPerUser: 1000'} }\n`,
      ...(withPostgres && {
        store: `{ url: "${through}", pool: ${options.pool ?? 5}, connectTimeout: 2s, statementTimeout: 2s }`,
      }),
      ...(options.env && { env: options.env }),
      ...(options.store !== undefined && { store: options.store }),
      ...(options.within && { within: options.within }),
      settings: [
        `limits: { drainFor: 1s, ${options.limits ?? 'recordTimeout: 5s'} }`,
        ...(withRedis ? [`redis: redis://${toRedis.host}:${toRedis.port}`] : []),
      ].join('\n'),
    })
    const gateway = await one.start()
    machines.push({ one, gateway })
  }
  if (processes > 1) for (const { gateway } of machines) await allStarted(gateway)
  const [{ one, gateway: first } = nothing<Machine>()] = machines
  return {
    ...{ machines, first, installation: one, redis, toRedis, postgres, toPostgres, database, held },
    async openStore() {
      if (!withPostgres) return one.openStore()
      const { host, port, user } = postgres
      const store = await openStore(
        {
          ...{ kind: 'postgres', host, port, user, database: new URL(database).pathname.slice(1), pool: 3 },
          ...{ connectTimeout: 5_000, statementTimeout: 5_000 },
        },
        { now: Date.now },
      )
      t.teardown(() => store.close())
      return store
    },
  }
}

async function allStarted(gateway: GatehouseProcess): Promise<void> {
  await allServe(gateway)
  await eventually(() => pids(gateway).has('jobs'))
}

/** Not asked for, so not used: a test that does finds nothing in it. */
function nothing<T>(): T {
  return {} as T
}

/** Takes every sign-in, holds `/poll` open, answers everything else. */
export function chat(t: Test, held: Set<ServerResponse> = new Set()): Promise<string> {
  return upstream(t, (request, response) => {
    request.resume()
    if (request.url === '/login') return response.writeHead(302, acceptance).end()
    if (request.url !== '/poll') return response.end('welcome')
    held.add(response)
    response.once('close', () => held.delete(response))
    return response.write('parked')
  })
}

/** A cookie that nobody was given. */
export const stranger = `__Host-gatehouse-device=${'A'.repeat(43)}`

export const messages = (gateway: GatehouseProcess, cookie: string): Promise<ClientAnswer> =>
  gateway.ask({ from: internet, path: '/api', headers: { cookie } })

/** Registers, and is known afterwards to every process of every machine. */
export async function knownDevice({ machines, first }: Site, user = 'alice'): Promise<string> {
  const cookie = (await first.signIn(wifi, { user })).cookies.join('; ')
  await knownEverywhere(machines, cookie)
  return cookie
}

/** Connections are handed out in turns: with some each, every process has been asked. */
export async function knownEverywhere(machines: readonly Machine[], cookie: string): Promise<void> {
  for (const { gateway } of machines) {
    for (let n = 0; n < 6; n++) {
      const { status, body } = await messages(gateway, cookie)
      if (status !== 200) throw new Error(`the device is not known: ${status} ${body}`)
    }
  }
}

/** The line by which a part is told to have failed or recovered: `-redis`, `+record`, in the order of the log. */
export function conditions({ log }: GatehouseProcess, part?: string): string[] {
  const told = log.filter(({ msg }) => msg === 'part failed' || msg === 'part recovered')
  return told
    .filter((line) => part === undefined || line.part === part)
    .map((line) => `${line.msg === 'part failed' ? '-' : '+'}${line.part}`)
}

/** Lines that are neither of an exchange nor of how a part is: what somebody has to read during an outage. */
export function otherLines({ log }: GatehouseProcess): Record<string, unknown>[] {
  return log.filter(({ msg, level }) => msg !== 'exchange' && !/^part /.test(String(msg)) && level !== 'info')
}

export interface Load {
  readonly answers: readonly { readonly status: number; readonly took: number }[]
  readonly slowest: number
}

/** `clients` ask one after the other, `each` times. */
export async function load(
  ask: () => Promise<{ readonly status: number }>,
  { clients, each }: { readonly clients: number; readonly each: number },
): Promise<Load> {
  const answers: { status: number; took: number }[] = []
  const going = Array.from({ length: clients }, async () => {
    for (let n = 0; n < each; n++) {
      const begin = performance.now()
      const { status } = await ask()
      answers.push({ status, took: performance.now() - begin })
    }
  })
  await Promise.all(going)
  return { answers, slowest: Math.max(...answers.map(({ took }) => took)) }
}

/** How often each status was answered, such as `{ 200: 40 }`. */
export function counts({ answers }: Load): Record<number, number> {
  const result: Record<number, number> = {}
  for (const { status } of answers) result[status] = (result[status] ?? 0) + 1
  return result
}

export function isAlive({ management }: GatehouseProcess): Promise<boolean> {
  return fetch(`${management}/healthz`).then(({ status }) => status === 200)
}

export async function isWell(gateway: GatehouseProcess, part: string): Promise<boolean> {
  return eventually(async () => (await gateway.ready()).parts[part]?.ok === true)
}

export async function isUnwell(gateway: GatehouseProcess, part: string): Promise<boolean> {
  return eventually(async () => (await gateway.ready()).parts[part]?.ok === false)
}

export interface Fault {
  readonly begin: (site: Site) => unknown
  readonly end: (site: Site) => unknown
}

/**
 * The record fails under load and comes back. @param cookie of a device that all processes know
 */
export async function theRecordFails(
  t: Test,
  one: Site,
  cookie: string,
  { begin, end }: Fault,
): Promise<void> {
  const { first } = one
  const before = conditions(first, 'record').length
  const noise = otherLines(first).length
  await begin(one)
  const known = await load(() => messages(first, cookie), { clients: 8, each: 20 })
  t.strictSame(counts(known), { 200: 160 }, 'a known device goes on')
  // A write may be the first that fails, which does not make it unready; and each process finds out for itself.
  const unready = await eventually(async () => {
    const told = await first.ready()
    return told.status === 503 && told.parts.record?.ok === false ? told : undefined
  })
  t.match(unready.parts.record, { ok: false, detail: /\w+/ })
  t.ok(await isAlive(first))
  // Some processes may have to find it out first.
  await load(() => messages(first, stranger), { clients: 16, each: 2 })
  const unknown = await load(() => messages(first, stranger), { clients: 32, each: 10 })
  t.strictSame(counts(unknown), { 503: 320 }, 'nobody unregistered')
  const refused = await first.signIn(wifi, { user: 'bob' })
  t.equal(refused.status, 503)
  t.match(refused.headers['retry-after'], /^\d+$/)
  t.strictSame(refused.cookies, [], 'told of nothing')
  t.comment(`slowest answers: ${Math.round(known.slowest)} and ${Math.round(unknown.slowest)} ms`)
  // The machine may be busy with others. Whoever waited for what is slow by ten seconds, or for a turn behind all others, comes later.
  t.ok(Math.max(known.slowest, unknown.slowest) < 9_000, 'nothing piles up')
  t.equal((await messages(first, cookie)).status, 200)

  await end(one)
  await isWell(first, 'record')
  await eventually(async () => (await messages(first, stranger)).status === 403)
  await eventually(async () => (await first.signIn(wifi, { user: 'bob' })).status === 302)
  t.equal((await messages(first, cookie)).status, 200)
  t.equal((await first.ready()).status, 200)
  await eventually(() => conditions(first, 'record').at(-1) === '+record')
  t.strictSame(conditions(first, 'record').slice(before), ['-record', '+record'], 'one line for each change')
  t.strictSame(otherLines(first).slice(noise), [], 'and no other')
}
