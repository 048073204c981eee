import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Test } from 'tap'
import type { PostgresLocation } from '../../src/store/location.ts'
import { freePort } from './own-address.ts'

export interface PostgresOptions {
  /** Asked for at each connection (SCRAM); anybody is trusted when undefined. */
  readonly password?: string
  /** PEM files of the server's certificate. With them, connections without TLS are refused. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Waits for the disk at each commit. Off by default: the operating system outlives the tests. */
  readonly fsync?: boolean
  /** Lines of postgresql.conf, such as `{ max_connections: '5' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A real PostgreSQL of this test's own. */
export interface PostgresServer {
  /** An address in 127.0.0.0/8 that no other test of ours uses. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  /** `postgres://user@host:port/postgres`, without the password. */
  readonly url: string
  /** A fresh, empty database. Its order of text is that of English, not of bytes, as on most servers. @returns its URL, without the password */
  createDatabase(): Promise<string>
  /** A fresh database, as `openStore` takes it. */
  createLocation(changes?: Partial<PostgresLocation>): Promise<PostgresLocation>
  /** As the superuser, over a connection of its own. @param url of the database */
  query(url: string, sql: string): Promise<Record<string, unknown>[]>
  /** Ends every connection and the server, in order. */
  stop(): Promise<void>
  /** SIGKILL to all its processes. */
  kill(): Promise<void>
  /** SIGSTOP to all its processes: connections stay, nothing answers. */
  pause(): void
  resume(): void
  /** After `stop` or `kill`, or in place of a running one: on the same port, over the same files. */
  restart(): Promise<void>
}

const user = 'gatehouse'

/** Starts a server in a temporary folder; the end of the test stops it and removes the folder. */
export async function postgresServer(t: Test, options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-postgres-'))
  const host = `127.${100 + (process.pid % 100)}.${(process.pid >> 8) & 255}.${process.pid & 255}`
  const server = new Server(folder, { host, port: await freePort(host), ...options })
  t.teardown(async () => {
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await server.create()
  await server.start()
  return server
}

interface Address {
  readonly host: string
  readonly port: number
}

class Server implements PostgresServer {
  readonly host: string
  readonly port: number
  readonly user = user
  readonly password: string | undefined
  readonly url: string
  readonly #folder: string
  readonly #options: PostgresOptions
  #postmaster: ChildProcess | undefined
  #databases = 0

  constructor(folder: string, { host, port, ...options }: PostgresOptions & Address) {
    this.host = host
    this.port = port
    this.password = options.password
    this.url = `postgres://${user}@${host}:${port}/postgres`
    this.#folder = folder
    this.#options = options
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  async create(): Promise<void> {
    const { password, tls } = this.#options
    const owner = serverUser()
    if (owner !== undefined) chownSync(this.#folder, owner.uid, owner.gid)
    const secret = this.#place('password', password ?? '')
    const auth = password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${secret}`]
    const common = ['-U', user, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', ...auth]
    await runAsServer(binary('initdb'), ['-D', this.#data, ...common])
    if (tls !== undefined) {
      for (const name of ['cert', 'key'] as const) this.#place(`server.${name}`, readFileSync(tls[name]))
    }
    const method = password === undefined ? 'trust' : 'scram-sha-256'
    this.#place('data/pg_hba.conf', `${tls ? 'hostssl' : 'host'} all all 127.0.0.0/8 ${method}\n`)
  }

  /** A file of the server's own user, for nobody else. */
  #place(name: string, content: string | Buffer): string {
    const file = join(this.#folder, name)
    writeFileSync(file, content, { mode: 0o600 })
    const owner = serverUser()
    if (owner !== undefined) chownSync(file, owner.uid, owner.gid)
    return file
  }

  async start(): Promise<void> {
    const { fsync = false, tls, settings = {} } = this.#options
    const all = {
      listen_addresses: this.host,
      port: String(this.port),
      unix_socket_directories: '',
      fsync: fsync ? 'on' : 'off',
      // In the folder, so that a killed server leaves nothing in /dev/shm.
      dynamic_shared_memory_type: 'mmap',
      shared_buffers: '16MB',
      autovacuum: 'off',
      lc_messages: 'C',
      ...(tls && {
        ssl: 'on',
        ssl_cert_file: join(this.#folder, 'server.cert'),
        ssl_key_file: join(this.#folder, 'server.key'),
      }),
      ...settings,
    }
    const lines = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const [command, args] = asServer(binary('postgres'), ['-D', this.#data, ...lines])
    const postmaster = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.#folder })
    this.#postmaster = postmaster
    await ready(postmaster)
  }

  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`
    await this.query(this.url, `create database ${name} template template0 ${await this.#order()}`)
    return this.url.replace(/postgres$/, name)
  }

  async createLocation(changes: Partial<PostgresLocation> = {}): Promise<PostgresLocation> {
    const database = new URL(await this.createDatabase()).pathname.slice(1)
    const { host, port, password } = this
    const secret = password === undefined ? {} : { password: { reveal: () => password } }
    const times = { connectTimeout: 5_000, statementTimeout: 5_000 }
    return { kind: 'postgres', host, port, user, database, pool: 5, ...times, ...secret, ...changes }
  }

  /** From version 15 on, ICU's order can be a database's. */
  async #order(): Promise<string> {
    const [row] = await this.query(this.url, 'show server_version_num')
    return Number(row?.server_version_num) >= 150_000 ? `locale_provider icu icu_locale 'en'` : ''
  }

  async query(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      ...{ host: this.host, port: this.port, user, database: new URL(url).pathname.slice(1) },
      password: this.password ?? 'none asked for',
      // The tests of TLS look at the certificate; this connection is not one of them.
      ...(this.#options.tls && { ssl: { rejectUnauthorized: false } }),
    })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    const postmaster = this.#running()
    if (postmaster === undefined) return
    this.resume()
    const exited = once(postmaster, 'exit')
    postmaster.kill('SIGINT')
    await exited
  }

  async kill(): Promise<void> {
    const postmaster = this.#running()
    if (postmaster === undefined) return
    const exited = once(postmaster, 'exit')
    const segment = this.#sharedMemory()
    // The postmaster first: it would take a lost backend for a crash and start anew.
    const pids = this.#processes(postmaster)
    for (const pid of pids) signal(pid, 'SIGKILL')
    await exited
    await Promise.all(pids.map(gone))
    if (segment !== undefined) await promisify(execFile)('ipcrm', ['-m', segment]).catch(() => {})
  }

  pause(): void {
    const postmaster = this.#running()
    if (postmaster === undefined) throw new Error('PostgreSQL is not running')
    // Stopped first, the postmaster makes no new ones meanwhile.
    signal(postmaster.pid, 'SIGSTOP')
    for (const pid of this.#processes(postmaster)) signal(pid, 'SIGSTOP')
  }

  resume(): void {
    const postmaster = this.#running()
    if (postmaster === undefined) return
    for (const pid of this.#processes(postmaster)) signal(pid, 'SIGCONT')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  #running(): ChildProcess | undefined {
    const postmaster = this.#postmaster
    return postmaster?.exitCode === null && postmaster.signalCode === null ? postmaster : undefined
  }

  #processes({ pid = 0 }: ChildProcess): number[] {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return [pid, ...children.split(' ').filter(Boolean).map(Number)]
  }

  /** The id of the small System V segment by which a server knows that another one uses its files. */
  #sharedMemory(): string | undefined {
    try {
      return /^ *\d+ +(\d+)$/m.exec(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8'))?.[1]
    } catch {
      return undefined
    }
  }
}

/** Until the server says that it takes connections. @throws with what it said, when it ends instead */
async function ready(postmaster: ChildProcess): Promise<void> {
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    const lines = createInterface({ input: postmaster.stderr! }) // piped, three lines above
    lines.on('line', (line) => {
      if (said.length < 100) said.push(line)
      if (line.includes('ready to accept connections')) resolve()
    })
    postmaster.once('error', reject)
    postmaster.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said.join('\n')}`)))
  })
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Debian keeps the server's programs off the PATH, in a folder for each version; the newest is taken. */
function binary(name: string): string {
  const found = globSync(`/usr/lib/postgresql/*/bin/${name}`).sort(
    (a, b) => Number(a.split('/')[4]) - Number(b.split('/')[4]),
  )
  return found.at(-1) ?? name
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function serverUser(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** SIGQUIT when this process dies, however it dies: no server stays behind. */
function asServer(command: string, args: readonly string[]): [string, string[]] {
  const owner = serverUser()
  const become = owner ? [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : []
  return ['setpriv', [...become, '--pdeathsig', 'QUIT', command, ...args]]
}

async function runAsServer(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(...asServer(command, args), { cwd: '/' })
}
