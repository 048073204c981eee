/**
 * Real Redis servers for tests: each on a free port of an address of its own within 127.0.0.0/8, in a temporary folder,
 * ended with its test by SIGKILL (there is nothing to save).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { certificates, temporaryFolder } from './certificates.ts'
import { eventually } from './eventually.ts'
import { freePort, ownAddress } from './own-address.ts'
import { run } from './run.ts'

export interface RedisOptions {
  /** Of the user `default`, who then needs it. */
  readonly password?: string
  /** Rules of a further user, such as `on >secret ~gatehouse:* +@all`, by name. */
  readonly users?: Readonly<Record<string, string>>
  /** Clients speak TLS; the certificate is that of `certificates(t)`, valid for `localhost`. */
  readonly tls?: boolean
  /** Further lines of redis.conf. */
  readonly lines?: readonly string[]
  /** Default: an address of its own. */
  readonly host?: string
  readonly port?: number
}

export interface RedisUnderTest {
  readonly host: string
  readonly port: number
  /** `redis://` or `rediss://`, without password. */
  readonly url: string
  readonly folder: string
  /** Sends a command with redis-cli. @returns what it prints, without the last line break */
  cli(...command: readonly string[]): Promise<string>
  flush(): Promise<void>
  /** Stops answering, with its connections open. */
  pause(): void
  resume(): void
  /** SIGKILL: nothing is saved. */
  kill(): Promise<void>
  /** SIGTERM: an RDB file is written when the lines ask for one. */
  stop(): Promise<void>
  /** On the same port, with what the folder holds. */
  start(): Promise<void>
  restart(): Promise<void>
}

const program = 'redis-server'

export async function startRedis(t: Test, options: RedisOptions = {}): Promise<RedisUnderTest> {
  const server = new RedisServer(t, options, await placeOf(t, options))
  await server.start()
  return server
}

interface Place {
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly tls?: { readonly folder: string }
}

async function placeOf(t: Test, { host = ownAddress(), port, tls }: RedisOptions): Promise<Place> {
  return {
    host,
    port: port ?? (await freePort(host)),
    folder: temporaryFolder(t),
    ...(tls === true && { tls: await certificates(t) }),
  }
}

class RedisServer implements RedisUnderTest {
  readonly host: string
  readonly port: number
  readonly url: string
  readonly folder: string
  readonly #t: Test
  readonly #options: RedisOptions
  readonly #tls: Place['tls']
  #process: ChildProcess | undefined

  constructor(t: Test, options: RedisOptions, { host, port, folder, tls }: Place) {
    this.#t = t
    this.#options = options
    this.#tls = tls
    this.host = host
    this.port = port
    this.folder = folder
    this.url = `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}`
    writeFileSync(join(folder, 'redis.conf'), this.#lines().join('\n'))
    t.teardown(() => this.kill())
  }

  async start(): Promise<void> {
    const [file, ...args] = endsWithItsParent([program, ...this.arguments()])
    const child = spawn(file, args, { cwd: this.folder, stdio: 'ignore' })
    child.on('error', () => {}) // told below
    this.#process = child
    await eventually(async () => {
      if (child.pid === undefined) throw new Error(`${program} is missing: apt-get install ${program}`)
      if (child.exitCode !== null) throw new Error(this.#log())
      return await answers(this.host, this.port)
    })
    await eventually(async () => (await this.cli('PING')).endsWith('PONG'))
  }

  /** `redis.conf` first: Redis Sentinel writes it anew. */
  arguments(): string[] {
    return ['redis.conf']
  }

  async cli(...command: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(this.#t, ['redis-cli', ...this.#cliOptions(), ...command], {
      env: this.#options.password === undefined ? {} : { REDISCLI_AUTH: this.#options.password },
    })
    return (stdout + stderr).trimEnd()
  }

  async flush(): Promise<void> {
    await this.cli('FLUSHALL')
  }

  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    this.resume()
    await this.#end('SIGTERM')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  #cliOptions(): string[] {
    const tls = this.#tls === undefined ? [] : ['--tls', '--insecure']
    return ['-h', this.host, '-p', String(this.port), '--no-auth-warning', ...tls]
  }

  #lines(): string[] {
    const { password, users = {}, lines = [] } = this.#options
    return [
      `bind ${this.host}`,
      // Otherwise the system takes 127.0.0.1, by which the others would then look for it.
      'protected-mode no',
      `bind-source-addr ${this.host}`,
      `replica-announce-ip ${this.host}`,
      `logfile ${join(this.folder, 'log')}`,
      `dir ${this.folder}`,
      'save ""',
      'appendonly no',
      'repl-diskless-sync-delay 0',
      ...this.#listenLines(),
      ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
      ...Object.entries(users).map(([name, rules]) => `user ${name} ${rules}`),
      ...lines,
      '',
    ]
  }

  #listenLines(): string[] {
    if (this.#tls === undefined) return [`port ${this.port}`]
    const { folder } = this.#tls
    return [
      'port 0',
      `tls-port ${this.port}`,
      `tls-cert-file ${folder}/gateway.crt`,
      `tls-key-file ${folder}/gateway.key`,
      'tls-auth-clients no',
    ]
  }

  #log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8').split('\n').slice(-8).join('\n')
  }
}

/** Also when the test is killed, and no teardown runs. */
function endsWithItsParent(command: [string, ...string[]]): [string, ...string[]] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', ...command] : command
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

export interface ClusterUnderTest {
  readonly nodes: readonly RedisUnderTest[]
  readonly urls: readonly string[]
}

/** Three masters, and as many replicas when asked for. */
export async function startRedisCluster(t: Test, { replicas = false } = {}): Promise<ClusterUnderTest> {
  const lines = ['cluster-enabled yes', 'cluster-node-timeout 1000', 'cluster-replica-validity-factor 0']
  // All on one address: that is how they tell each other where they are.
  const host = ownAddress()
  lines.push(`cluster-announce-ip ${host}`)
  const nodes: RedisUnderTest[] = []
  for (let n = 0; n < (replicas ? 6 : 3); n++) {
    // The cluster's own port is 10,000 above.
    nodes.push(await startRedis(t, { lines, host, port: 20_000 + n }))
  }
  const masters = nodes.slice(0, 3)
  const [first] = masters
  if (first === undefined) throw new Error('no node')
  for (const [n, node] of nodes.entries()) {
    await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))
    if (n > 0) await first.cli('CLUSTER', 'MEET', node.host, String(node.port))
  }
  for (const [n, master] of masters.entries()) {
    await master.cli('CLUSTER', 'ADDSLOTSRANGE', ...slotRanges[n]!)
  }
  await settled(nodes)
  for (const [n, replica] of nodes.slice(3).entries()) {
    await replica.cli('CLUSTER', 'REPLICATE', await masters[n]!.cli('CLUSTER', 'MYID'))
  }
  await settled(nodes)
  return { nodes, urls: nodes.map(({ url }) => url) }
}

export interface SentinelUnderTest {
  readonly name: string
  readonly sentinel: RedisUnderTest
  readonly master: RedisUnderTest
  readonly replica: RedisUnderTest
  /** The replica becomes the master. */
  failOver(): Promise<void>
}

const slotRanges = [
  ['0', '5460'],
  ['5461', '10922'],
  ['10923', '16383'],
] as const

async function settled(nodes: readonly RedisUnderTest[]): Promise<void> {
  const known = `cluster_known_nodes:${nodes.length}`
  for (const node of nodes) {
    await eventually(async () => {
      const info = await node.cli('CLUSTER', 'INFO')
      return info.includes('cluster_state:ok') && info.includes(known)
    })
  }
}

/** One master, one replica, one sentinel that looks after them. */
export async function startRedisSentinel(t: Test): Promise<SentinelUnderTest> {
  const name = 'cache'
  const master = await startRedis(t)
  const replica = await startRedis(t, {
    lines: [`replicaof ${master.host} ${master.port}`],
  })
  await eventually(async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'))
  const sentinel = await startSentinelProcess(t, [
    `sentinel monitor ${name} ${master.host} ${master.port} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 5000`,
  ])
  await eventually(async () => (await sentinel.cli('SENTINEL', 'REPLICAS', name)).includes(replica.host))
  return {
    name,
    sentinel,
    master,
    replica,
    async failOver() {
      await master.kill()
      await eventually(async () => (await replica.cli('INFO', 'replication')).includes('role:master'))
      await eventually(async () =>
        (await sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)).includes(replica.host),
      )
    },
  }
}

class Sentinel extends RedisServer {
  override arguments(): string[] {
    return ['redis.conf', '--sentinel']
  }
}

async function startSentinelProcess(t: Test, lines: readonly string[]): Promise<RedisUnderTest> {
  const sentinel = new Sentinel(t, {}, await placeOf(t, {}))
  writeFileSync(
    join(sentinel.folder, 'redis.conf'),
    [`bind ${sentinel.host}`, `port ${sentinel.port}`, `dir ${sentinel.folder}`, ...lines, ''].join('\n'),
  )
  await sentinel.start()
  return sentinel
}
