import { readFile } from 'node:fs/promises'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { type Breaker, createBreaker } from '../../lib/breaker.ts'
import { DeadlinePassed, withDeadline } from '../../lib/deadline.ts'
import type { RedisSettings } from '../../settings/settings.ts'
import { SharedStateUnavailable } from '../ports.ts'
import { Conditions } from './conditions.ts'
import type { Script } from './scripts.ts'

export interface RedisClientOptions {
  /** Milliseconds for each call. */
  readonly timeout: number
  /** Between 0 and 1: spreads the reconnects of many processes. */
  readonly jitter: () => number
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number
  /** Called once for each change. The detail is free of secrets. */
  readonly onCondition: (ok: boolean, detail?: string) => void
}

/**
 * A connection to Redis for calls, and one for notices. While there is no connection, and while Redis has stopped
 * answering, calls fail at once: nothing waits in a queue, and nothing is sent twice. Each call may throw
 * `SharedStateUnavailable`.
 */
export interface RedisClient {
  readonly connected: boolean
  call(command: string, ...args: readonly Argument[]): Promise<unknown>
  run(script: Script, key: string, args: readonly Argument[]): Promise<unknown>
  /** Each time that the connection stands: the server may be another one than before. */
  onConnected(listener: () => void): void
  /** @param listener called with each message, and whenever some may have been missed */
  listen(channel: string, listener: () => void): void
  /** Keys of another type than ours stand under our names. */
  reportForeignKey(): void
  close(): void
}

export type Argument = string | number

type Driver = Redis | Cluster
/** The replies are as in RESP2, which the driver's types want said by leaving the option out. */
type DriverOptions = Omit<RedisOptions, 'replyMapping' | 'retryStrategy' | 'connectTimeout'> & {
  readonly retryStrategy: (attempt: number) => number
  readonly connectTimeout: number
}

/** Connects in the background, and goes on trying. @throws when a CA file cannot be read */
export async function openRedisClient(
  settings: RedisSettings,
  options: RedisClientOptions,
): Promise<RedisClient> {
  const common = await driverOptions(settings, options)
  return new Client(() => outliveErrors(createDriver(settings, common)), options)
}

const longestPause = 5_000
const probeEvery = 1_000

/** Milliseconds before the next attempt to connect: doubled up to five seconds, half of it by chance. */
export function reconnectPause(attempt: number, jitter: number): number {
  const pause = Math.min(longestPause, 25 * 2 ** Math.min(attempt, 20))
  return Math.round(pause / 2 + (pause / 2) * jitter)
}

async function driverOptions(
  { username, password, database, tls }: RedisSettings,
  { timeout, jitter }: RedisClientOptions,
): Promise<DriverOptions> {
  return {
    // What the program says and understands is the same in both; this one is understood by every proxy as well.
    protocol: 2,
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // Calls that were under way when the connection broke fail at once.
    maxRetriesPerRequest: 0,
    connectTimeout: Math.max(1000, 10 * timeout),
    // A connection on which nothing comes back is given up: the server, or the way to it, is gone without a word.
    socketTimeout: Math.max(1000, 10 * timeout),
    keepAlive: 10_000,
    db: database,
    retryStrategy: (attempt) => reconnectPause(attempt, jitter()),
    // Moved to read-only: it is a replica by now, and somebody else the master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...(password !== undefined && { username: username ?? 'default', password: password.reveal() }),
    ...(tls !== undefined && { tls: await tlsOptions(tls) }),
  }
}

async function tlsOptions({ ca, serverName, verify }: NonNullable<RedisSettings['tls']>) {
  const authorities = await Promise.all(ca.map((file) => readFile(file, 'utf8')))
  return {
    rejectUnauthorized: true,
    ...(verify === 'ca' && { checkServerIdentity: () => undefined }),
    ...(authorities.length > 0 && { ca: authorities }),
    ...(serverName !== undefined && { servername: serverName }),
  }
}

function createDriver({ server }: RedisSettings, options: DriverOptions): Driver {
  if (server.kind === 'single') return new Redis({ ...options, host: server.host, port: server.port })
  if (server.kind === 'sentinel') {
    return new Redis({
      ...options,
      name: server.name,
      sentinels: [...server.sentinels],
      sentinelRetryStrategy: options.retryStrategy,
      sentinelReconnectStrategy: options.retryStrategy,
      // A sentinel that stands still is passed over for the next one.
      sentinelCommandTimeout: options.connectTimeout,
      failoverDetector: true,
      enableTLSForSentinelMode: options.tls !== undefined,
      ...(options.tls !== undefined && { sentinelTLS: options.tls }),
    })
  }
  const { retryStrategy, enableOfflineQueue: _, db: __, ...redisOptions } = options
  return new Cluster([...server.nodes], {
    enableOfflineQueue: false,
    redisOptions,
    // Names in a certificate are looked up as they were given.
    dnsLookup: (name, callback) => callback(null, name),
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: retryStrategy,
    maxRedirections: 4,
    retryDelayOnFailover: 20,
    retryDelayOnClusterDown: 20,
    retryDelayOnTryAgain: 20,
  })
}

/**
 * The driver listens for one error of each socket. One of TLS may tell two, such as a certificate that is refused and then
 * the server's alert, and an error that nobody listens for ends the process.
 */
function outliveErrors(driver: Driver): Driver {
  const outlive = (redis: Redis) =>
    redis.on('error', () => {
      // Told while the socket tells the first one.
      const { stream } = redis as { stream?: Redis['stream'] } // none while it looks for the master
      stream?.on('error', ignore)
    })
  if (driver instanceof Cluster) driver.on('+node', outlive)
  else outlive(driver)
  return driver
}

class Client implements RedisClient {
  readonly #open: () => Driver
  readonly #driver: Driver
  readonly #options: RedisClientOptions
  readonly #conditions: Conditions
  readonly #breaker: Breaker
  readonly #probe: NodeJS.Timeout
  readonly #revivals = new Set<NodeJS.Timeout>()
  #subscriber: Driver | undefined
  #closed = false

  constructor(open: () => Driver, options: RedisClientOptions) {
    this.#open = open
    this.#options = options
    this.#conditions = new Conditions(options)
    this.#breaker = createBreaker({
      failures: 5,
      retryAfterMs: Math.max(250, 4 * options.timeout),
      now: options.monotonic,
      onChange: (isOpen) =>
        this.#conditions.set('answers', isOpen ? `does not answer within ${options.timeout} ms` : undefined),
    })
    this.#driver = open()
    this.#watch(this.#driver)
    this.#revive(this.#driver)
    // So that the condition is told, and ends, when no request needs Redis.
    this.#probe = setInterval(() => void this.call('PING').catch(ignore), probeEvery).unref()
  }

  get connected(): boolean {
    return this.#driver.status === 'ready'
  }

  async call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    const ticket = this.#breaker.admit()
    if (ticket === undefined) throw new SharedStateUnavailable('Redis has stopped answering')
    try {
      const reply = await withDeadline(this.#driver.call(command, ...args), this.#options.timeout)
      this.#breaker.succeeded(ticket)
      return reply
    } catch (cause) {
      // An error that Redis replies is an answer.
      if (isReply(cause)) this.#breaker.succeeded(ticket)
      else this.#breaker.failed(ticket)
      this.#reportReply(cause)
      throw new SharedStateUnavailable(`Redis: ${messageOf(cause)}`, { cause })
    }
  }

  async run({ sha, lua }: Script, key: string, args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.call('EVALSHA', sha, 1, key, ...args)
    } catch (error) {
      if (!(error instanceof SharedStateUnavailable) || !startsWith(error.cause, 'NOSCRIPT')) throw error
      return this.call('EVAL', lua, 1, key, ...args)
    }
  }

  onConnected(listener: () => void): void {
    this.#driver.on('ready', listener)
  }

  listen(channel: string, listener: () => void): void {
    const subscriber = this.#open()
    this.#subscriber = subscriber
    this.#revive(subscriber)
    subscriber.on('error', ignore) // the other connection tells
    subscriber.on('ready', () => void subscriber.subscribe(channel).then(listener, ignore))
    subscriber.on('message', listener)
  }

  reportForeignKey(): void {
    this.#conditions.foreignKey()
  }

  close(): void {
    this.#closed = true
    for (const revival of this.#revivals) clearTimeout(revival)
    clearInterval(this.#probe)
    this.#conditions.close()
    this.#subscriber?.disconnect()
    this.#driver.disconnect()
  }

  #watch(driver: Driver): void {
    let last = 'no connection'
    const note = (error: Error) => {
      last = messageOf(error)
    }
    driver.on('error', note)
    driver.on('node error', note)
    driver.on('ready', () => this.#conditions.set('connection', undefined))
    // Told after the error that says why.
    driver.on('close', () => this.#conditions.set('connection', last))
  }

  /**
   * The driver ends for good when a fail-over is told while it asks a sentinel for the master. It is begun anew, so that
   * no process stays without Redis until somebody restarts it.
   */
  #revive(driver: Driver): void {
    let ends = 0
    driver.on('ready', () => {
      ends = 0
    })
    driver.on('end', () => {
      if (this.#closed) return
      const revival = setTimeout(
        () => {
          this.#revivals.delete(revival)
          driver.connect().catch(ignore) // told as `error`, `close` or `end`
        },
        reconnectPause(++ends, this.#options.jitter()),
      ).unref()
      this.#revivals.add(revival)
    })
  }

  /** What every later call will be told as well: it has to be put right at the server. */
  #reportReply(error: unknown): void {
    if (startsWith(error, 'WRONGTYPE')) this.reportForeignKey()
    const lasting = ['NOPERM', 'OOM', 'MISCONF', 'READONLY'].some((code) => startsWith(error, code))
    if (lasting) this.#conditions.refused(messageOf(error))
  }
}

function ignore(): void {}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

function startsWith(error: unknown, code: string): boolean {
  return isReply(error) && (error as Error).message.startsWith(code) // isReply: it is an Error
}

function messageOf(error: unknown): string {
  if (error instanceof DeadlinePassed) return error.message
  const message = error instanceof Error ? error.message : String(error)
  // The driver names its own option.
  if (message.includes('enableOfflineQueue')) return 'no connection'
  return message.slice(0, 200)
}
