import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { SignIn } from '../domain/service.ts'
import { compilePathPattern } from '../lib/path-pattern.ts'
import { problemAnswer } from './answers/problem.ts'
import { redirectTo } from './answers/redirect.ts'
import { refusalPage } from './answers/refusal-page.ts'
import { certificateUser, withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import { type DeviceCookie, expireDeviceCookie, readDeviceCookie } from './device-cookie.ts'
import { compileExtractor, hasReadableBody, readsRequestBody } from './extract.ts'
import { isNavigation, isRedirectable } from './navigation.ts'
import type {
  ClientProtocol,
  ClientRequest,
  Observation,
  ProtocolFactory,
  UpstreamAnswer,
} from './protocol.ts'
import { identifiedAsRefused } from './refused.ts'
import { createUserAgentReader } from './user-agent.ts'
import { normalUser } from './user-name.ts'

/**
 * Browsers in front of a web application or identity provider. The device is known by its cookie or certificate. The
 * service's `signIn` block says which request presents credentials and which answer accepts them; `signIn: none`
 * takes each navigation that succeeds for one.
 */
export const browser: ProtocolFactory = (service): ClientProtocol => {
  const settings = service.client.kind === 'browser' ? service.client.signIn : 'none'
  const signIn = settings === 'none' ? signsInAnywhere : signsInAt(settings, service.paths.caseInsensitive)
  const describe = createUserAgentReader()

  function identify(request: ClientRequest): Identification {
    const { head } = request
    try {
      const cookie = readDeviceCookie(head)
      const user = signIn.user(request)
      return withCertificate(service.name, head, {
        keys: cookieKeys(cookie),
        device: describe(head),
        signIn: signIn.matches(head),
        navigation: isNavigation(head),
        ...(user !== undefined && { user }),
        ...(cookie === 'invalid' && { refuse: 'client.cookie-invalid' as const }),
      })
    } catch (error) {
      return { ...identifiedAsRefused(error), navigation: isNavigation(head) }
    }
  }

  function cookieKeys(cookie: DeviceCookie): ClientKey[] {
    if (cookie === undefined || cookie === 'invalid') return []
    return [clientKey(service.name, 'cookie', cookie.secret)]
  }

  function observe(_: ClientRequest, identification: Identification, answer: UpstreamAnswer): Observation {
    const user = identification.user ?? signIn.nobody
    if (!identification.signIn || identification.refuse !== undefined || user === undefined) return {}
    if (!signIn.accepts(answer)) return {}
    return { accepted: { user } }
  }

  return {
    kind: 'browser',
    readsBody: signIn.readsBody,
    identify,
    watches: () => false,
    readsAnswer: () => false,
    observe,
    refuse: refuseBrowser,
    redirect: (request, { navigationUrl }) =>
      isRedirectable(request) ? redirectTo(navigationUrl) : undefined,
    claims: () => false,
  }
}

/** How a service tells a sign-in from other requests, and an accepted one from the rest. */
interface SignInRule {
  matches(head: RequestHead): boolean
  readsBody(head: RequestHead): boolean
  user(request: ClientRequest): string | undefined
  accepts(answer: UpstreamAnswer): boolean
  /** The user of a service where nobody signs in. */
  readonly nobody: string | undefined
}

const signsInAnywhere: SignInRule = {
  matches: isNavigation,
  readsBody: () => false,
  user: ({ head }) => certificateUser(head),
  accepts: ({ status }) => status >= 200 && status < 400,
  nobody: 'anonymous',
}

function signsInAt(signIn: SignIn, caseInsensitive: boolean): SignInRule {
  const isPath = compilePathPattern(signIn.path, { caseInsensitive })
  const readUser = compileExtractor(signIn.user)
  const inBody = readsRequestBody(signIn.user)
  // Either form of the path may be the one that the upstream takes for its sign-in.
  const matches = (head: RequestHead) =>
    head.method === signIn.method && (isPath(head.path) || isPath(head.decodedPath))
  return {
    matches,
    readsBody: (head) => inBody && hasReadableBody(head) && matches(head),
    user: (request) => (matches(request.head) ? normalUser(readUser(request)) : undefined),
    accepts: (answer) => isSuccess(answer, signIn.success),
    nobody: undefined,
  }
}

function isSuccess(answer: UpstreamAnswer, success: SignIn['success']): boolean {
  const { status, setCookie, location, notLocation } = success
  if (!status.includes(answer.status)) return false
  if (setCookie !== undefined && !setsCookie(answer, setCookie)) return false
  const target = answer.headers.find(([name]) => name === 'location')?.[1]
  if (location !== undefined && !target?.startsWith(location)) return false
  return notLocation === undefined || target === undefined || !target.startsWith(notLocation)
}

/** Sets the cookie to something: an empty value or one that has expired signs out instead of in. */
function setsCookie({ headers }: UpstreamAnswer, name: string): boolean {
  return headers.some(([field, value]) => field === 'set-cookie' && setsValue(value, name))
}

function setsValue(setCookie: string, name: string): boolean {
  const [pair = '', ...attributes] = setCookie.split(';')
  const equals = pair.indexOf('=')
  if (equals < 0 || pair.slice(0, equals).trim() !== name) return false
  const value = pair.slice(equals + 1).trim()
  return value !== '' && value !== '""' && !attributes.some(expires)
}

/** The years that servers write to remove a cookie: the epoch, or the first year that they can think of. */
function expires(attribute: string): boolean {
  return /^\s*(?:max-age\s*=\s*(?:0+|-\d+)\s*$|expires\s*=.*\b(?:19\d\d|200\d)\b)/i.test(attribute)
}

const refuseBrowser: ClientProtocol['refuse'] = (request, refusal) => {
  if (!isNavigation(request)) return problemAnswer(refusal)
  const planted = refusal.reason === 'client.cookie-invalid'
  return refusalPage(refusal, planted ? [['Set-Cookie', expireDeviceCookie(request.scheme)]] : [])
}
