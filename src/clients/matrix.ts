import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { redirectTo } from './answers/redirect.ts'
import { refusalPage } from './answers/refusal-page.ts'
import { withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import { refuseMatrix } from './matrix/answers.ts'
import { readLoginRequest, readRefreshToken, readTokenAnswer, type TokenAnswer } from './matrix/bodies.ts'
import { isBrowserLeg, matrixEndpoint } from './matrix/endpoint.ts'
import { accessToken } from './matrix/token.ts'
import { isRedirectable } from './navigation.ts'
import type {
  ClientProtocol,
  ClientRequest,
  Observation,
  ProtocolDependencies,
  ProtocolFactory,
  UpstreamAnswer,
} from './protocol.ts'
import { identifiedAsRefused, RequestRefused } from './refused.ts'
import { createUserAgentReader } from './user-agent.ts'
import { accountName, normalUser } from './user-name.ts'

/**
 * Matrix clients. A login names user and device and is answered with tokens; from then on a token names the device
 * that it was issued to. `/_matrix/client/versions` and `/.well-known/matrix/client` come before any login: list them
 * as public. Servers talking to servers (`/_matrix/federation`) have no device and belong on a service of their own.
 */
export const matrix: ProtocolFactory = (service, dependencies): ClientProtocol => {
  const describe = createUserAgentReader()
  const names = matrixKeys(service.name, dependencies)

  function identify(request: ClientRequest): Identification {
    const { head } = request
    const navigation = isBrowserLeg(head)
    try {
      return withCertificate(service.name, head, {
        ...readClient(request),
        navigation,
      })
    } catch (error) {
      return { ...identifiedAsRefused(error), navigation }
    }
  }

  function readClient(request: ClientRequest): Omit<Identification, 'navigation'> {
    const { head } = request
    const endpoint = matrixEndpoint(head)
    if (endpoint === 'login') return readLogin(request)
    const token = endpoint === 'refresh' ? refreshToken(request) : accessToken(head)
    return {
      keys: token === undefined ? [] : [names.token(token)],
      device: describe(head),
      signIn: false,
    }
  }

  function readLogin({ head, body }: ClientRequest): Omit<Identification, 'navigation'> {
    const { user: typed, deviceId } = body === undefined ? {} : readLoginRequest(readable(head, body))
    const user = normalUser(typed)
    return {
      keys: user === undefined || deviceId === undefined ? [] : [names.device(user, deviceId)],
      device: { ...describe(head), ...(deviceId !== undefined && { claimedId: deviceId }) },
      signIn: true,
      unproven: true,
      // Of a bare `alice` only the answer tells the whole name, and half a name is another user to the record.
      ...(user?.startsWith('@') && { user }),
    }
  }

  function observe(request: ClientRequest, _: Identification, answer: UpstreamAnswer): Observation {
    const endpoint = matrixEndpoint(request.head)
    if (answer.status !== 200 || endpoint === 'other') return {}
    if (endpoint === 'logout') return observeLogout(request)
    const given = answer.body === undefined ? {} : readTokenAnswer(answer.body)
    if (endpoint === 'refresh') return { grants: names.granted(given) }
    return isGuest(request.head) ? {} : observeLogin(given)
  }

  function observeLogin(given: TokenAnswer): Observation {
    const { userId, deviceId, accessToken } = given
    const user = normalUser(userId)
    if (user === undefined || deviceId === undefined || accessToken === undefined) return {}
    const accepted = { user, keys: [names.device(user, deviceId)], claimedId: deviceId }
    return { accepted, grants: names.granted(given) }
  }

  function observeLogout(request: ClientRequest): Observation {
    const token = accessToken(request.head)
    return token === undefined ? {} : { revokes: [names.token(token)] }
  }

  return {
    kind: 'matrix',
    readsBody: (head) => head.hasBody && isOneOf(head, ['login', 'refresh']),
    identify,
    watches: ({ head }, { refuse }) => refuse === undefined && matrixEndpoint(head) !== 'other',
    readsAnswer: ({ head }, _, { status }) => status === 200 && isOneOf(head, ['login', 'refresh']),
    observe,
    refuse: (request, refusal) =>
      isBrowserLeg(request) ? refusalPage(refusal) : refuseMatrix(request, refusal),
    redirect: (request, { navigationUrl }) =>
      isBrowserLeg(request) && isRedirectable(request) ? redirectTo(navigationUrl) : undefined,
    claims: (path) => path.startsWith('/_matrix/') || path === '/.well-known/matrix/client',
  }
}

/** The keys of a Matrix client. A homeserver's users are all of one server, so the local part of a name is enough. */
function matrixKeys(service: string, { now }: ProtocolDependencies) {
  const token = (value: string, lifetime?: number): ClientKey => {
    const key = clientKey(service, 'claimed', 'matrix', 'token', value)
    return lifetime === undefined ? key : { ...key, expiresAt: now() + lifetime }
  }
  return {
    token,
    device: (user: string, deviceId: string) =>
      clientKey(service, 'claimed', 'matrix', 'device', accountName(user), deviceId),
    granted: ({ accessToken, refreshToken, expiresInMs }: TokenAnswer): ClientKey[] => [
      ...(accessToken === undefined ? [] : [token(accessToken, expiresInMs)]),
      ...(refreshToken === undefined ? [] : [token(refreshToken)]),
    ],
  }
}

function isOneOf(head: RequestHead, endpoints: readonly string[]): boolean {
  return endpoints.includes(matrixEndpoint(head))
}

function refreshToken({ head, body }: ClientRequest): string | undefined {
  return body === undefined ? undefined : readRefreshToken(readable(head, body))
}

/** What is encoded would have to be decoded as the server does it. */
function readable(head: RequestHead, body: Uint8Array): Uint8Array {
  if (head.fields.has('content-encoding')) throw new RequestRefused('client.ambiguous')
  return body
}

/** A guest (`?kind=guest`, however it is spelled) shows no credentials, so its answer accepts none. */
function isGuest({ query }: RequestHead): boolean {
  return query !== undefined && /guest|%/i.test(query)
}
