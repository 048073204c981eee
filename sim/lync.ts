/**
 * The web services of a Lync or Skype for Business server (UCWA), as far as a mobile client needs them to sign in
 * and wait for events: autodiscover, web ticket by password or NTLM, application, event channel.
 */
import { randomBytes } from 'node:crypto'
import { NtlmConnections } from './ntlm.ts'
import { accountName, passwordIsRight } from './people.ts'
import {
  runAlone,
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from './simulation.ts'

export interface LyncSimulation extends Simulation {
  /** How many event channels wait now. */
  readonly waiting: number
}

export async function startLync(options: SimulationOptions): Promise<LyncSimulation> {
  const front = new FrontEnd()
  const simulation = await startSimulation(options, (exchange) => front.answer(exchange))
  return {
    ...simulation,
    get waiting() {
      return front.waiting
    },
  }
}

interface Application {
  readonly user: string
  readonly endpointId: string
}

const userPath = '/autodiscover/autodiscoverservice.svc/root/oauth/user'
const ticketPath = '/webticket/oauthtoken'
const applicationsPath = '/ucwa/oauth/v1/applications'
const windows = 'urn:microsoft.rtc:windows'
const xmlDiscovery = 'application/vnd.microsoft.rtc.autodiscover+xml'

class FrontEnd {
  readonly #ntlm = new NtlmConnections()
  readonly #tickets = new Map<string, string>()
  readonly #applications = new Map<string, Application>()
  waiting = 0

  /** Paths in any letter case, as IIS takes them. */
  answer(exchange: SimulatedExchange): unknown {
    const path = exchange.url.pathname.toLowerCase()
    const route = `${exchange.request.method} ${path}`
    if (route === 'GET /' || route === 'GET /autodiscover/autodiscoverservice.svc/root') {
      return discover(exchange)
    }
    if (route === `POST ${ticketPath}`) return this.#ticket(exchange)
    const token = /^Bearer (cwt=.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1]
    const user = token === undefined ? undefined : this.#tickets.get(token)
    if (user === undefined) return askForTicket(exchange)
    if (route === `GET ${userPath}`) {
      return exchange.json(200, {
        _links: links(exchange, { self: userPath, applications: applicationsPath }),
      })
    }
    if (route === `POST ${applicationsPath}`) return this.#create(exchange, user)
    if (path.startsWith(`${applicationsPath}/`)) return this.#application(exchange, path, user)
    return reason(exchange, 404, 'NotFound')
  }

  async #ticket(exchange: SimulatedExchange): Promise<void> {
    const form = await exchange.readForm()
    // As IIS does it: a handshake comes before the service, and its first message carries no form yet.
    const handshake = /^(NTLM|Negotiate) /i.test(exchange.request.headers.authorization ?? '')
    switch (handshake ? windows : form.get('grant_type')) {
      case 'password': {
        const userName = form.get('username') ?? ''
        if (passwordIsRight(userName, form.get('password') ?? '')) {
          return this.#grant(exchange, accountName(userName))
        }
        return exchange.json(
          400,
          { error: 'invalid_grant' },
          { 'x-ms-diagnostics': '28020;reason="No valid user"' },
        )
      }
      case windows: {
        const outcome = this.#ntlm.authenticate(exchange.request)
        if ('user' in outcome) return this.#grant(exchange, outcome.user)
        return exchange.json(401, {}, { 'www-authenticate': outcome.challenge })
      }
      default:
        return exchange.json(400, { error: 'unsupported_grant_type' })
    }
  }

  #grant(exchange: SimulatedExchange, user: string): void {
    const token = `cwt=${randomBytes(24).toString('base64url')}`
    this.#tickets.set(token, user)
    exchange.json(200, { access_token: token, expires_in: 28_800, token_type: 'Bearer' })
  }

  async #create(exchange: SimulatedExchange, user: string): Promise<void> {
    const endpointId = endpointIdOf(await exchange.readBody())
    if (endpointId === undefined) return reason(exchange, 400, 'ParameterValidationFailure')
    const id = randomBytes(8).toString('hex')
    this.#applications.set(id, { user, endpointId })
    const self = `${applicationsPath}/${id}`
    const body = { endpointId, _links: links(exchange, { self, events: `${self}/events?ack=1` }) }
    exchange.json(201, body, { location: self })
  }

  #application(exchange: SimulatedExchange, path: string, user: string): unknown {
    const [id = '', part] = path.slice(applicationsPath.length + 1).split('/')
    const application = this.#applications.get(id)
    if (application === undefined || application.user !== user) {
      return reason(exchange, 404, 'ApplicationNotFound')
    }
    const { method } = exchange.request
    if (part === 'events' && method === 'GET') return this.#events(exchange)
    if (method === 'DELETE') {
      this.#applications.delete(id)
      return exchange.send(204, '', {})
    }
    return exchange.json(200, { endpointId: application.endpointId, _links: links(exchange, { self: path }) })
  }

  /** Nothing ever happens here: the channel stays open for its whole timeout. */
  #events(exchange: SimulatedExchange): void {
    const seconds = Number(exchange.url.searchParams.get('timeout') ?? 180)
    const ack = Number(exchange.url.searchParams.get('ack') ?? 1)
    this.waiting += 1
    const timer = setTimeout(() => {
      const next = `${exchange.url.pathname}?ack=${ack + 1}`
      exchange.json(200, { sender: [], _links: links(exchange, { next }) })
    }, seconds * 1000)
    exchange.response.on('close', () => {
      this.waiting -= 1
      clearTimeout(timer)
    })
  }
}

function discover(exchange: SimulatedExchange): unknown {
  const origin = `https://${exchange.request.headers.host}`
  if (exchange.request.headers.accept?.includes(xmlDiscovery)) {
    const xml =
      '<AutodiscoverResponse xmlns="http://schemas.microsoft.com/2010/11/autodiscover" AccessLocation="External">' +
      `<Root><Link token="User" href="${origin}${userPath}"/></Root></AutodiscoverResponse>`
    return exchange.send(200, xml, { 'content-type': `${xmlDiscovery};v=1` })
  }
  const body = { _links: links(exchange, { self: exchange.url.pathname, user: userPath }) }
  return exchange.json(200, body)
}

function askForTicket(exchange: SimulatedExchange): void {
  const href = `https://${exchange.request.headers.host}/WebTicket/oauthtoken`
  exchange.send(401, '', {
    'www-authenticate': [
      'Bearer trusted_issuers="", client_id="00000004-0000-0ff1-ce00-000000000000"',
      `MsRtcOAuth href="${href}",grant_type="urn:microsoft.rtc:windows,urn:microsoft.rtc:anonmeeting,password"`,
    ],
    'x-ms-server-fqdn': 'front.example.com',
  })
}

/** From JSON or from `<property name="endpointId">`, whatever the letter case of the name. */
function endpointIdOf(body: Buffer): string | undefined {
  const text = body.toString('utf8')
  const found =
    /"endpointid"\s*:\s*"([^"]+)"/i.exec(text) ?? /<property name="endpointid">([^<]+)</i.exec(text)
  return found?.[1]
}

function links(exchange: SimulatedExchange, paths: Readonly<Record<string, string>>): object {
  const origin = `https://${exchange.request.headers.host}`
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [
      name,
      { href: path.startsWith('/auto') ? origin + path : path },
    ]),
  )
}

function reason(exchange: SimulatedExchange, status: number, subcode: string): void {
  const code = status === 404 ? 'NotFound' : 'BadRequest'
  exchange.json(status, { code, subcode, message: subcode })
}

await runAlone(import.meta, startLync, 9004)
