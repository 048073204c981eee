/**
 * An Exchange ActiveSync server (MS-ASHTTP, MS-ASCMD), as far as a phone needs it to set up an account and wait for
 * mail: OPTIONS, Provision, FolderSync, Sync, Ping. It takes Basic credentials, or NTLM when asked to.
 */

import { NtlmConnections } from './ntlm.ts'
import { accountName, passwordIsRight } from './people.ts'
import {
  runAlone,
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from './simulation.ts'
import {
  folders,
  heartbeatOf,
  pingStatus,
  provisionPolicy,
  provisionRequestKey,
  syncNothing,
} from './wbxml.ts'

export interface ActiveSyncOptions extends SimulationOptions {
  /** Default `basic`. */
  readonly authentication?: 'basic' | 'ntlm' | 'both'
}

export interface ActiveSyncSimulation extends Simulation {
  /** Mail has arrived: the user's waiting Pings end with status 2. */
  deliver(user: string): void
  /** How many Pings wait now. */
  readonly waiting: number
}

export async function startActiveSync(options: ActiveSyncOptions): Promise<ActiveSyncSimulation> {
  const mail = new MailServer(options.authentication ?? 'basic')
  const simulation = await startSimulation(options, (exchange) => mail.answer(exchange))
  return {
    ...simulation,
    deliver: (user) => mail.deliver(user),
    get waiting() {
      return mail.waiting
    },
  }
}

/** Command codes of the base64 query: MS-ASHTTP 2.2.1.1.1.2.1. */
const commandCodes: Readonly<Record<number, string>> = {
  0: 'Sync',
  1: 'SendMail',
  9: 'FolderSync',
  17: 'Settings',
  18: 'Ping',
  20: 'Provision',
}

const versions = {
  'ms-server-activesync': '15.1',
  'ms-asprotocolversions': '2.5,12.0,12.1,14.0,14.1,16.0,16.1',
  'ms-asprotocolcommands':
    'Sync,SendMail,SmartForward,SmartReply,GetAttachment,FolderSync,Ping,Provision,Settings',
}

class MailServer {
  readonly #authentication: 'basic' | 'ntlm' | 'both'
  readonly #ntlm = new NtlmConnections()
  readonly #pings = new Set<{ readonly user: string; readonly finish: (status: number) => void }>()

  constructor(authentication: 'basic' | 'ntlm' | 'both') {
    this.#authentication = authentication
  }

  get waiting(): number {
    return this.#pings.size
  }

  deliver(user: string): void {
    for (const ping of [...this.#pings]) if (ping.user === user) ping.finish(2)
  }

  async answer(exchange: SimulatedExchange): Promise<void> {
    if (exchange.url.pathname === '/healthcheck.htm') return exchange.text(200, '200 OK')
    if (exchange.url.pathname.toLowerCase() === '/autodiscover/autodiscover.xml')
      return this.#discover(exchange)
    if (exchange.url.pathname.toLowerCase() !== '/microsoft-server-activesync') return exchange.text(404, '')
    const user = this.#user(exchange)
    if (user === undefined) return
    exchange.response.setHeader('x-signed-in-as', user)
    if (exchange.request.method === 'OPTIONS') {
      return exchange.send(200, '', { allow: 'OPTIONS,POST', public: 'OPTIONS,POST', ...versions })
    }
    const command = commandOf(exchange.url)
    if (command === undefined) return exchange.text(400, 'Bad Request')
    await this.#command(exchange, command, user)
  }

  /** The signed-in user; undefined once the answer is 401. */
  #user(exchange: SimulatedExchange): string | undefined {
    const { authorization } = exchange.request.headers
    if (this.#authentication !== 'ntlm' && authorization?.startsWith('Basic ')) {
      const [name = '', ...rest] = Buffer.from(authorization.slice(6), 'base64').toString('utf8').split(':')
      if (passwordIsRight(name, rest.join(':'))) return accountName(name)
    } else if (this.#authentication !== 'basic') {
      const outcome = this.#ntlm.authenticate(exchange.request)
      if ('user' in outcome) return outcome.user
      const challenges = [outcome.challenge]
      if (this.#authentication === 'both') challenges.push('Basic realm="mail"')
      exchange.send(401, '', { 'www-authenticate': challenges })
      return undefined
    }
    exchange.send(401, '', { 'www-authenticate': 'Basic realm="mail"' })
    return undefined
  }

  async #command(exchange: SimulatedExchange, command: string, user: string): Promise<void> {
    const body = await exchange.readBody()
    switch (command) {
      case 'Provision':
        return wbxml(exchange, provisionPolicy(provisionRequestKey(body) === '1001' ? '2002' : '1001'))
      case 'FolderSync':
        return wbxml(exchange, folders(['Inbox', 'Sent Items', 'Calendar']))
      case 'Sync':
        return wbxml(exchange, syncNothing)
      case 'Ping':
        return this.#ping(exchange, user, heartbeatOf(body) ?? 470)
      default:
        return exchange.send(200, '', {})
    }
  }

  /** Waits for mail as long as the phone asked it to: minutes, in real life. */
  #ping(exchange: SimulatedExchange, user: string, seconds: number): void {
    const ping = {
      user,
      finish: (status: number) => {
        clearTimeout(timer)
        this.#pings.delete(ping)
        if (!exchange.response.destroyed) wbxml(exchange, pingStatus(status))
      },
    }
    const timer = setTimeout(() => ping.finish(1), seconds * 1000)
    this.#pings.add(ping)
    exchange.response.on('close', () => {
      clearTimeout(timer)
      this.#pings.delete(ping)
    })
  }

  async #discover(exchange: SimulatedExchange): Promise<void> {
    if (this.#user(exchange) === undefined) return
    const url = `https://${exchange.request.headers.host}/Microsoft-Server-ActiveSync`
    await exchange.readBody()
    exchange.send(200, autodiscoverAnswer(url), { 'content-type': 'text/xml; charset=utf-8' })
  }
}

function wbxml(exchange: SimulatedExchange, body: Uint8Array): void {
  exchange.send(200, body, {
    'content-type': 'application/vnd.ms-sync.wbxml',
    'ms-server-activesync': '15.1',
  })
}

/** From `Cmd=`, or from the second byte of the base64 form. */
function commandOf(url: URL): string | undefined {
  const plain = url.searchParams.get('Cmd')
  if (plain !== null) return plain
  const bytes = Buffer.from(decodeURIComponent(url.search.slice(1)), 'base64')
  return bytes.length > 4 ? commandCodes[bytes[1] as number] : undefined
}

function autodiscoverAnswer(url: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006">
    <Action><Settings><Server><Type>MobileSync</Type><Url>${url}</Url><Name>${url}</Name></Server></Settings></Action>
  </Response>
</Autodiscover>
`
}

await runAlone(import.meta, startActiveSync, 9002)
