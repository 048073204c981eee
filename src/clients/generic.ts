import type { Binding, ClientKey, Identification } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { GenericSettings, Service } from '../domain/service.ts'
import { compilePathPattern } from '../lib/path-pattern.ts'
import { problemAnswer } from './answers/problem.ts'
import { redirectTo } from './answers/redirect.ts'
import { refusalPage } from './answers/refusal-page.ts'
import { invalidToken } from './bearer.ts'
import { withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import {
  compileExtractor,
  hasReadableBody,
  type Presented,
  type ReadValue,
  readsRequestBody,
} from './extract.ts'
import { isNavigation, isRedirectable } from './navigation.ts'
import { presentedClaims } from './presented-claims.ts'
import type {
  ClientProtocol,
  ClientRequest,
  ProtocolDependencies,
  ProtocolFactory,
  Refusal,
} from './protocol.ts'
import { identifiedAsRefused, RequestRefused } from './refused.ts'
import { createUserAgentReader } from './user-agent.ts'
import { normalUser } from './user-name.ts'

/**
 * Whatever the other protocols do not know: the settings say where the device's and the user's names stand, which
 * requests sign in, and which answers accept the credentials.
 */
export const generic: ProtocolFactory = (service, dependencies): ClientProtocol => {
  const settings = genericSettings(service)
  const describe = createUserAgentReader()
  const readDevice = settings.device.map(compileExtractor)
  const readUser = compileExtractor(settings.user)
  const keysOf = genericKeys(service.name, settings)
  const signsIn = signInTest(service, settings)
  const inBody = [...settings.device, settings.user].some(readsRequestBody)

  async function identify(request: ClientRequest): Promise<Identification> {
    const { head } = request
    try {
      const presented = await gather(request, settings, dependencies)
      const device = readAll(readDevice, presented)
      const user = normalUser(readUser(presented))
      const proved = head.connection.clientCertificate !== undefined || request.signedByApp === true
      if (device === undefined && !proved) {
        throw new RequestRefused('client.unidentified')
      }
      return withCertificate(service.name, head, {
        keys: device === undefined ? [] : keysOf(device, user),
        device: { ...describe(head), ...(device !== undefined && { claimedId: device.join(' ') }) },
        signIn: signsIn(head) && user !== undefined,
        navigation: isNavigation(head),
        ...(user !== undefined && { user }),
      })
    } catch (error) {
      return { ...identifiedAsRefused(error), navigation: isNavigation(head) }
    }
  }

  return {
    kind: 'generic',
    readsBody: (head) => inBody && hasReadableBody(head) && (settings.signIn === undefined || signsIn(head)),
    identify,
    watches: () => false,
    readsAnswer: () => false,
    observe(_, { user, keys, signIn, refuse }, { status }) {
      const presented = signIn && refuse === undefined && user !== undefined && keys.length > 0
      return presented && settings.success.status.includes(status) ? { accepted: { user } } : {}
    },
    refuse: refuseGeneric,
    redirect: (request, { navigationUrl }) =>
      isRedirectable(request) ? redirectTo(navigationUrl) : undefined,
    claims: () => false,
  }
}

function genericSettings({ name, client }: Service): GenericSettings {
  if (client.kind !== 'generic') throw new TypeError(`${name} is no generic service`)
  return client.generic
}

/** A token is verified only when something is read out of it. */
async function gather(
  { head, body }: ClientRequest,
  settings: GenericSettings,
  { verifyToken }: ProtocolDependencies,
): Promise<Presented> {
  const { bearer } = settings
  const claims = bearer === undefined ? undefined : await presentedClaims(head, bearer, verifyToken)
  return { head, ...(body !== undefined && { body }), ...(claims !== undefined && { claims }) }
}

/** All of them, or nothing: half a name could be somebody else's. */
function readAll(readers: readonly ReadValue[], presented: Presented): string[] | undefined {
  const values = readers.map((read) => read(presented))
  return values.every((value) => value !== undefined) ? values : undefined
}

/**
 * Certificate fields prove themselves. Everything else is claimed, and holds only together with the user, where each
 * request names one.
 */
function genericKeys(service: string, { device, signIn }: GenericSettings) {
  const proved = device.every(({ from }) => from === 'certificate')
  const binding: Binding = proved ? 'certificate' : 'claimed'
  return (parts: readonly string[], user: string | undefined): ClientKey[] => {
    if (proved || signIn !== undefined) return [clientKey(service, binding, 'generic', ...parts)]
    return user === undefined ? [] : [clientKey(service, binding, 'generic', ...parts, user)]
  }
}

function signInTest(service: Service, { signIn }: GenericSettings): (head: RequestHead) => boolean {
  if (signIn === undefined) return () => true
  const isPath = compilePathPattern(signIn.path, { caseInsensitive: service.paths.caseInsensitive })
  return (head) => head.method === signIn.method && (isPath(head.path) || isPath(head.decodedPath))
}

function refuseGeneric(request: RequestHead, refusal: Refusal) {
  if (isNavigation(request)) return refusalPage(refusal)
  return problemAnswer(refusal, refusal.status === 401 ? [invalidToken] : [])
}
