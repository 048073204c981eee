import { renderPage } from '../clients/answers/page.ts'
import { problemAnswer } from '../clients/answers/problem.ts'
import { refusalPage } from '../clients/answers/refusal-page.ts'
import { gatehouseCookie, setShortCookie } from '../clients/device-cookie.ts'
import { isNavigation } from '../clients/navigation.ts'
import type { Answer } from '../domain/answer.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { NonceStore } from '../shared-state/ports.ts'
import type { CompanyApp } from './app/company-app.ts'
import { type AppVisit, appPage } from './app/pages.ts'
import { AppRefused } from './app/refused.ts'
import { type AssessDependencies, assess } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import { devicePage } from './device-page.ts'
import type { IdentityFields } from './identity-fields.ts'
import type { Outcome } from './outcome.ts'
import { describeRefusal, refusalAnswer } from './refuse.ts'
import { type Arrival, lifetimes, type ReturnTrip } from './return-trip.ts'
import { ownPrefix, type Route, type Routes } from './routing.ts'
import { sendAnswer } from './send-answer.ts'

export interface PageDependencies {
  readonly trip: ReturnTrip
  readonly routes: Routes
  readonly nonces: NonceStore
  readonly policy: () => CompiledPolicy
  readonly assess: AssessDependencies
  readonly jwks: IdentityFields['jwks']
  readonly newId: () => string
  /** Undefined: there is no company app. */
  readonly app?: CompanyApp | undefined
}

interface Visit {
  readonly head: RequestHead
  /** Undefined on the gateway's own hosts. */
  readonly route: Route | undefined
  readonly query: URLSearchParams
  readonly deps: PageDependencies
}

/** A refusal; with what the page may say beyond the reason's own words. */
type Refused =
  | ReasonCode
  | { readonly reason: ReasonCode; readonly tryAgain?: string; readonly help?: string }

type Page = (visit: Visit) => Promise<Answer | Refused>

/** What the gateway serves by itself, under `/.gatehouse` on every host; the front page only on its own hosts. */
const pages: Readonly<Record<string, Page>> = {
  '/': frontPage,
  [`${ownPrefix}/jwks.json`]: jwks,
  [`${ownPrefix}/register`]: register,
  [`${ownPrefix}/return`]: comeBack,
  [`${ownPrefix}/device`]: device,
}

export async function serveOwnPage(
  head: RequestHead,
  client: ClientSide,
  route: Route | undefined,
  deps: PageDependencies,
): Promise<Outcome> {
  const result = await answerVisit({ head, client, route }, deps)
  const { reason, answer } =
    typeof result === 'string' || 'reason' in result ? refuseVisit(head, result) : served(result)
  sendAnswer(client, head, answer)
  return { status: answer.status, reason }
}

interface VisitAnswer {
  readonly reason: ReasonCode
  readonly answer: Answer
}

function served(answer: Answer): VisitAnswer {
  return { reason: 'path.public', answer }
}

function refuseVisit(head: RequestHead, refused: Refused): VisitAnswer {
  if (typeof refused === 'string') return { reason: refused, answer: refusalAnswer(refused, head) }
  const refusal = { ...describeRefusal(refused.reason, head), ...refused }
  return {
    reason: refused.reason,
    answer: isNavigation(head) ? refusalPage(refusal) : problemAnswer(refusal),
  }
}

async function answerVisit(visit: AppVisit, deps: PageDependencies): Promise<Answer | Refused> {
  const { head, route } = visit
  const ofApp = deps.app && (await answerApp(visit, deps.app))
  if (ofApp !== undefined) return ofApp
  const page = Object.hasOwn(pages, head.path) ? pages[head.path] : undefined
  if (page === undefined) return 'path.reserved'
  if (head.method !== 'GET' && head.method !== 'HEAD') return 'http.method'
  return page({ head, route, query: new URLSearchParams(head.query), deps })
}

async function answerApp(visit: AppVisit, app: CompanyApp): Promise<Answer | Refused | undefined> {
  try {
    return await appPage(visit, app)
  } catch (error) {
    if (!(error instanceof AppRefused)) throw error
    const { reason, help } = error
    return help === undefined ? reason : { reason, help }
  }
}

async function frontPage(): Promise<Answer> {
  return renderPage({
    title: 'Register a device',
    paragraphs: [
      'This address registers phones, tablets and computers that your organisation manages.',
      'Open the address of the service that you want to use. It brings you here by itself when your device has to be registered.',
    ],
  })
}

async function jwks({ deps }: Visit): Promise<Answer> {
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/jwk-set+json'],
      ['Cache-Control', 'public, max-age=300'],
    ],
    body: JSON.stringify(deps.jwks),
  }
}

/** Step 2 of `return-trip.ts`: the network is seen here, and the browser is sent back with what was seen. */
async function register({ head, route, query, deps }: Visit): Promise<Answer | Refused> {
  const departure = await deps.trip.departure(query.get('departure') ?? '')
  if (departure === undefined || route !== undefined) return 'return.invalid'
  if (!leadsToService(departure.authority, departure.service, deps.routes)) return 'return.invalid'
  const networks = deps.policy().networksOf(head.source.address)
  const { service, authority, target, nonceHash, help } = departure
  if (networks.length === 0) {
    return {
      reason: 'registration.wrong-network',
      tryAgain: head.target,
      ...(help !== undefined && { help }),
    }
  }
  const arrival = await deps.trip.sign('arrival', {
    service,
    authority,
    target,
    nonceHash,
    networks,
    id: deps.newId(),
  })
  return seeOther(`${head.scheme}://${authority}${ownPrefix}/return?arrival=${arrival}`)
}

/** Step 3: the same browser, once, on the host that it departed from. */
async function comeBack({ head, route, query, deps }: Visit): Promise<Answer | ReasonCode> {
  const arrival = await deps.trip.arrival(query.get('arrival') ?? '')
  if (arrival === undefined || route?.service.name !== arrival.service) return 'return.invalid'
  if (arrival.authority !== head.authority || !isLocalTarget(arrival.target)) return 'return.invalid'
  if (!deps.trip.isSameBrowser(head, arrival) || !(await isFirstUse(arrival, deps))) return 'return.invalid'
  const { service, networks } = arrival
  const voucher = await deps.trip.sign('voucher', { service, networks })
  const cookie = setShortCookie(
    gatehouseCookie('voucher', head.scheme),
    voucher,
    lifetimes.voucher,
    head.scheme,
  )
  return seeOther(arrival.target, [['Set-Cookie', cookie]])
}

function isFirstUse(arrival: Arrival, { nonces }: PageDependencies): Promise<boolean> {
  return nonces.claim(`arrival:${arrival.id}`, (lifetimes.arrival + 60) * 1000)
}

/** "This device": what the gateway knows of the browser that asks. */
async function device({ head, route, deps }: Visit): Promise<Answer | ReasonCode> {
  if (route === undefined) return 'path.reserved'
  return devicePage(await assess({ head }, route, deps.assess), deps.policy())
}

function leadsToService(authority: string, service: string, routes: Routes): boolean {
  return routes.ofHost(authority.replace(/:\d+$/, ''))?.service.name === service
}

/** `//host` and `/\host` lead away from the site. The token is signed; this holds if its key were ever lost. */
function isLocalTarget(target: string): boolean {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(target)
}

function seeOther(location: string, headers: readonly (readonly [string, string])[] = []): Answer {
  return { status: 303, headers: [['Location', location], ...headers], body: '' }
}
