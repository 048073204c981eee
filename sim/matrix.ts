/** A Matrix homeserver, as far as a client needs it to sign in and wait for messages. */
import { randomBytes } from 'node:crypto'
import { accountName, passwordIsRight } from './people.ts'
import {
  runAlone,
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from './simulation.ts'

export interface MatrixSimulation extends Simulation {
  /** Something has happened for this user: waiting `/sync` polls end. */
  deliver(user: string): void
  /** How many `/sync` polls wait now. */
  readonly waiting: number
}

export async function startMatrix(options: SimulationOptions): Promise<MatrixSimulation> {
  const homeserver = new Homeserver(options.now ?? Date.now)
  const simulation = await startSimulation(options, (exchange) => homeserver.answer(exchange))
  return {
    ...simulation,
    deliver: (user) => homeserver.deliver(user),
    get waiting() {
      return homeserver.waiting
    },
  }
}

interface Session {
  readonly user: string
  readonly deviceId: string
  readonly expiresAt: number
}

interface Poll {
  readonly user: string
  readonly finish: () => void
}

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
}

const tokenLifetime = 5 * 60 * 1000

class Homeserver {
  readonly #now: () => number
  readonly #tokens = new Map<string, Session>()
  readonly #refreshTokens = new Map<string, Session>()
  readonly #polls = new Set<Poll>()
  readonly #rooms = new Map<string, unknown[]>()

  constructor(now: () => number) {
    this.#now = now
  }

  get waiting(): number {
    return this.#polls.size
  }

  deliver(user: string): void {
    for (const poll of [...this.#polls]) if (poll.user === user) poll.finish()
  }

  answer(exchange: SimulatedExchange): unknown {
    const { method } = exchange.request
    const path = exchange.url.pathname.replace(/^\/_matrix\/client\/(r0|v3)\//, '/')
    if (method === 'OPTIONS') return exchange.send(204, '', cors)
    switch (`${method} ${path}`) {
      case 'GET /.well-known/matrix/client':
        return matrix(exchange, 200, {
          'm.homeserver': { base_url: `https://${exchange.request.headers.host}` },
        })
      case 'GET /_matrix/client/versions':
        return matrix(exchange, 200, { versions: ['r0.6.1', 'v1.1', 'v1.11', 'v1.13'] })
      case 'GET /login':
        return matrix(exchange, 200, { flows: [{ type: 'm.login.password' }] })
      case 'POST /login':
        return this.#login(exchange)
      case 'POST /refresh':
        return this.#refresh(exchange)
    }
    return this.#answerSession(exchange, path)
  }

  #answerSession(exchange: SimulatedExchange, path: string): unknown {
    const token = /^Bearer (.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1]
    if (token === undefined) {
      return matrix(exchange, 401, { errcode: 'M_MISSING_TOKEN', error: 'Missing access token' })
    }
    const session = this.#tokens.get(token)
    if (session === undefined || session.expiresAt < this.#now()) {
      const softLogout = session !== undefined
      return matrix(exchange, 401, {
        errcode: 'M_UNKNOWN_TOKEN',
        error: 'Unknown token',
        soft_logout: softLogout,
      })
    }
    switch (`${exchange.request.method} ${path}`) {
      case 'GET /account/whoami':
        return matrix(exchange, 200, { user_id: userId(session.user), device_id: session.deviceId })
      case 'GET /sync':
        return this.#sync(exchange, session.user)
      case 'POST /logout':
        this.#tokens.delete(token)
        return matrix(exchange, 200, {})
    }
    if (path.startsWith('/rooms/')) return this.#room(exchange, path)
    return matrix(exchange, 404, { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' })
  }

  async #login(exchange: SimulatedExchange): Promise<void> {
    const body = await exchange.readJson()
    const identifier = (body.identifier ?? {}) as Record<string, unknown> // read member by member below
    const userName = String(identifier.user ?? body.user ?? '').replace(/^@([^:]+):.*$/, '$1')
    if (body.type !== 'm.login.password' || !passwordIsRight(userName, String(body.password))) {
      return matrix(exchange, 403, { errcode: 'M_FORBIDDEN', error: 'Invalid username or password' })
    }
    const deviceId = typeof body.device_id === 'string' ? body.device_id : randomText(5).toUpperCase()
    const refreshable = body.refresh_token === true
    const answer = this.#issue(accountName(userName), deviceId, refreshable)
    matrix(exchange, 200, { user_id: userId(accountName(userName)), device_id: deviceId, ...answer })
  }

  async #refresh(exchange: SimulatedExchange): Promise<void> {
    const refreshToken = String((await exchange.readJson()).refresh_token)
    const session = this.#refreshTokens.get(refreshToken)
    if (session === undefined) {
      return matrix(exchange, 401, { errcode: 'M_UNKNOWN_TOKEN', error: 'Unknown token', soft_logout: false })
    }
    this.#refreshTokens.delete(refreshToken)
    matrix(exchange, 200, this.#issue(session.user, session.deviceId, true))
  }

  /** Access tokens end only when the client can refresh them. */
  #issue(user: string, deviceId: string, refreshable: boolean): Readonly<Record<string, unknown>> {
    const accessToken = `syt_${randomText(18)}`
    const expiresAt = refreshable ? this.#now() + tokenLifetime : Number.POSITIVE_INFINITY
    const session = { user, deviceId, expiresAt }
    this.#tokens.set(accessToken, session)
    if (!refreshable) return { access_token: accessToken }
    const refreshToken = `syr_${randomText(18)}`
    this.#refreshTokens.set(refreshToken, session)
    return { access_token: accessToken, refresh_token: refreshToken, expires_in_ms: tokenLifetime }
  }

  #sync(exchange: SimulatedExchange, user: string): void {
    const poll: Poll = {
      user,
      finish: () => {
        clearTimeout(timer)
        this.#polls.delete(poll)
        matrix(exchange, 200, { next_batch: `s${this.#now()}`, rooms: {} })
      },
    }
    const timer = setTimeout(poll.finish, Number(exchange.url.searchParams.get('timeout') ?? 0))
    this.#polls.add(poll)
    exchange.response.on('close', () => {
      clearTimeout(timer)
      this.#polls.delete(poll)
    })
  }

  /** The room's name as it stood on the wire: a proxy that decodes or re-encodes it asks for another room. */
  async #room(exchange: SimulatedExchange, path: string): Promise<void> {
    const room = path.split('/')[2] as string // the caller has checked that the path begins with /rooms/
    const events = this.#rooms.get(room) ?? []
    this.#rooms.set(room, events)
    if (exchange.request.method === 'GET') return matrix(exchange, 200, { room, chunk: events })
    events.push(await exchange.readJson())
    matrix(exchange, 200, { room, event_id: `$${randomText(12)}` })
  }
}

function matrix(exchange: SimulatedExchange, status: number, body: unknown): void {
  exchange.json(status, body, cors)
}

function userId(user: string): string {
  return `@${user}:matrix.localhost`
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

await runAlone(import.meta, startMatrix, 9003)
