/** A small team chat: what a browser-based collaboration service does to a gateway, from form login to WebSocket. */
import { createHash, randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { chatPage, loginPage } from './collaboration-pages.ts'
import { accountName, passwordIsRight } from './people.ts'
import {
  runAlone,
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from './simulation.ts'

/** The cookie that a sign-in sets. */
export const sessionCookie = 'session'

const keptFileBytes = 16 * 1024 * 1024

interface Message {
  readonly id: number
  readonly from: string
  readonly text: string
  readonly at: string
}

/** Starts the chat, with alice, bob and carol as its users. */
export async function startCollaboration(options: SimulationOptions): Promise<Simulation> {
  const chat = new Chat(options.now ?? Date.now)
  const simulation = await startSimulation(options, (exchange) => chat.answer(exchange))
  const sockets = new WebSocketServer({ noServer: true })
  simulation.server.on('upgrade', (request, socket, head) => {
    const user = chat.userOf(request.headers.cookie)
    if (user === undefined || request.url?.split('?')[0] !== '/ws') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => chat.join(webSocket, user))
  })
  return {
    ...simulation,
    async close() {
      for (const webSocket of sockets.clients) webSocket.terminate()
      await simulation.close()
    },
  }
}

class Chat {
  readonly #now: () => number
  readonly #messages: Message[] = []
  readonly #sessions = new Map<string, string>()
  readonly #files = new Map<string, Buffer>()
  readonly #listeners = new Set<(message: Message) => void>()

  constructor(now: () => number) {
    this.#now = now
    this.#post('bob', 'Lunch at noon?')
  }

  answer(exchange: SimulatedExchange): unknown {
    const route = `${exchange.request.method} ${exchange.url.pathname}`
    if (route === 'GET /healthcheck.htm') return exchange.text(200, 'ok\n')
    if (route === 'GET /login') return exchange.html(200, loginPage(''))
    if (route === 'POST /login') return this.#login(exchange)
    const user = this.userOf(exchange.request.headers.cookie)
    if (user === undefined) return refuse(exchange)
    return this.#answerUser(exchange, user)
  }

  userOf(cookies: string | undefined): string | undefined {
    const found = new RegExp(`(?:^|; )${sessionCookie}=([^;]*)`).exec(cookies ?? '')
    return this.#sessions.get(found?.[1] ?? '')
  }

  /** A WebSocket: each text that comes is a message, and each message goes to all. */
  join(webSocket: WebSocket, user: string): void {
    const tell = (message: Message) => webSocket.send(JSON.stringify(message))
    this.#listeners.add(tell)
    webSocket.on('close', () => this.#listeners.delete(tell))
    webSocket.on('error', () => {})
    webSocket.on('message', (data) => this.#post(user, String(data)))
    webSocket.send(JSON.stringify({ hello: user }))
  }

  #answerUser(exchange: SimulatedExchange, user: string): unknown {
    const path = exchange.url.pathname
    switch (`${exchange.request.method} ${path}`) {
      case 'GET /':
        return exchange.html(200, chatPage(user, this.#messages))
      case 'GET /logout':
      case 'POST /logout':
        return this.#logout(exchange)
      case 'GET /api/whoami':
        return exchange.json(200, { user })
      case 'GET /api/messages':
        return exchange.json(200, { messages: this.#messages })
      case 'POST /api/messages':
        return this.#receive(exchange, user)
      case 'GET /api/events':
        return this.#stream(exchange)
      case 'GET /api/poll':
        return this.#poll(exchange)
    }
    if (path.startsWith('/api/files/')) return this.#file(exchange, path.slice('/api/files/'.length))
    return exchange.json(404, { error: 'there is nothing here' })
  }

  async #login(exchange: SimulatedExchange): Promise<void> {
    const form = await exchange.readForm()
    const userName = form.get('username') ?? ''
    if (!passwordIsRight(userName, form.get('password') ?? '')) {
      return exchange.html(401, loginPage('Wrong user name or password.'))
    }
    const session = randomBytes(16).toString('hex')
    this.#sessions.set(session, accountName(userName))
    exchange.redirect('/', { 'set-cookie': `${sessionCookie}=${session}; Path=/; HttpOnly; SameSite=Lax` })
  }

  #logout(exchange: SimulatedExchange): void {
    const found = new RegExp(`${sessionCookie}=([^;]*)`).exec(exchange.request.headers.cookie ?? '')
    this.#sessions.delete(found?.[1] ?? '')
    exchange.redirect('/login', { 'set-cookie': `${sessionCookie}=; Path=/; Max-Age=0` })
  }

  /** From the page's form or, as JSON, from a program. */
  async #receive(exchange: SimulatedExchange, user: string): Promise<void> {
    const isForm = exchange.request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    const text = isForm ? (await exchange.readForm()).get('text') : (await exchange.readJson()).text
    if (typeof text !== 'string' || text === '') return exchange.json(400, { error: 'text is missing' })
    const message = this.#post(user, text)
    if (isForm) exchange.redirect('/')
    else exchange.json(201, message)
  }

  #post(from: string, text: string): Message {
    const message = { id: this.#messages.length + 1, from, text, at: new Date(this.#now()).toISOString() }
    this.#messages.push(message)
    for (const listener of [...this.#listeners]) listener(message)
    return message
  }

  /** Server-sent events, without end. */
  #stream(exchange: SimulatedExchange): void {
    const { response } = exchange
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': open\n\n')
    const tell = (message: Message) =>
      response.write(`id: ${message.id}\ndata: ${JSON.stringify(message)}\n\n`)
    this.#listeners.add(tell)
    response.on('close', () => this.#listeners.delete(tell))
  }

  /** Long poll: `?after=ID&timeout=SECONDS` answers as soon as there is a newer message, or none in time. */
  #poll(exchange: SimulatedExchange): void {
    const after = Number(exchange.url.searchParams.get('after') ?? this.#messages.length)
    const seconds = Number(exchange.url.searchParams.get('timeout') ?? 30)
    const newer = this.#messages.filter((message) => message.id > after)
    if (newer.length > 0) {
      exchange.json(200, { messages: newer })
      return
    }
    const finish = (messages: readonly Message[]) => {
      clearTimeout(timer)
      this.#listeners.delete(tell)
      if (!exchange.response.writableEnded) exchange.json(200, { messages })
    }
    const tell = (message: Message) => finish([message])
    const timer = setTimeout(() => finish([]), seconds * 1000)
    this.#listeners.add(tell)
    exchange.response.on('close', () => {
      clearTimeout(timer)
      this.#listeners.delete(tell)
    })
  }

  async #file(exchange: SimulatedExchange, name: string): Promise<void> {
    if (exchange.request.method === 'PUT') return this.#upload(exchange, name)
    const file = this.#files.get(name)
    if (file === undefined) return exchange.json(404, { error: 'there is no such file' })
    exchange.response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': file.length,
    })
    await pipeline([file], exchange.response)
  }

  /** Hashes what streams in; keeps it when it is at most 16 MiB. */
  async #upload(exchange: SimulatedExchange, name: string): Promise<void> {
    const hash = createHash('sha256')
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of exchange.request as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      if (bytes <= keptFileBytes) chunks.push(chunk)
    }
    if (bytes <= keptFileBytes) this.#files.set(name, Buffer.concat(chunks))
    exchange.json(201, { name, bytes, sha256: hash.digest('hex') })
  }
}

function refuse(exchange: SimulatedExchange): void {
  if (exchange.url.pathname === '/') exchange.redirect('/login')
  else exchange.json(401, { error: 'sign in first' })
}

await runAlone(import.meta, startCollaboration, 9001)
