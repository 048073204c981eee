import type { Answer } from '../domain/answer.ts'
import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { BearerSettings, Service } from '../domain/service.ts'
import { refusalText } from './answers/text.ts'
import { withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import { compileExtractor, type ReadValue } from './extract.ts'
import { presentedClaims } from './presented-claims.ts'
import type { ClientProtocol, ProtocolFactory, Refusal } from './protocol.ts'
import { identifiedAsRefused, RequestRefused } from './refused.ts'
import { createUserAgentReader } from './user-agent.ts'
import { normalUser } from './user-name.ts'

/**
 * Programs with OAuth bearer tokens (RFC 6750): a JWT that the gateway verifies itself names user and device. Each
 * request carries its credentials, so each is a sign-in.
 */
export const bearer: ProtocolFactory = (service, { verifyToken }): ClientProtocol => {
  const settings = bearerSettings(service)
  const describe = createUserAgentReader()
  const readUser = compileExtractor({ from: 'claim', name: settings.userClaim })
  const readDevice = compileExtractor({ from: 'claim', name: settings.deviceClaim })

  return {
    kind: 'bearer',
    readsBody: () => false,
    async identify({ head }): Promise<Identification> {
      try {
        const claims = await presentedClaims(head, settings, verifyToken)
        if (claims === undefined) throw new RequestRefused('client.token-invalid')
        const read = (value: ReadValue) => value({ head, claims })
        const user = normalUser(read(readUser))
        const deviceId = read(readDevice)
        return withCertificate(service.name, head, {
          keys: deviceKeys(service.name, settings.issuer, deviceId, user),
          groups: groupsOf(claims, settings.groupsClaim),
          device: { ...describe(head), ...(deviceId !== undefined && { claimedId: deviceId }) },
          signIn: user !== undefined,
          navigation: false,
          ...(user !== undefined && { user }),
        })
      } catch (error) {
        return identifiedAsRefused(error)
      }
    },
    watches: () => false,
    readsAnswer: () => false,
    observe(_, { user, keys, refuse }, { status }) {
      const accepted = refuse === undefined && user !== undefined && keys.length > 0
      return accepted && status >= 200 && status < 400 ? { accepted: { user } } : {}
    },
    refuse: (_, refusal) => refuseBearer(refusal),
    redirect: () => undefined,
    claims: () => false,
  }
}

function bearerSettings({ name, client }: Service): BearerSettings {
  if (client.kind !== 'bearer') throw new TypeError(`${name} is no bearer service`)
  return client.bearer
}

function deviceKeys(
  service: string,
  issuer: string,
  deviceId: string | undefined,
  user: string | undefined,
): ClientKey[] {
  if (deviceId === undefined || user === undefined) return []
  return [clientKey(service, 'claimed', 'bearer', issuer, deviceId, user)]
}

const mostGroups = 500

function groupsOf(claims: Readonly<Record<string, unknown>>, name: string | undefined): string[] {
  const value = name !== undefined && Object.hasOwn(claims, name) ? claims[name] : undefined
  const groups: readonly unknown[] = Array.isArray(value) ? value.slice(0, mostGroups) : [value]
  return groups.filter((group) => typeof group === 'string')
}

/** Seconds. */
const laterWhenDown = 120

/** In the form of the token and resource endpoints (RFC 6749, section 5.2; RFC 6750, section 3): JSON, never a page. */
function refuseBearer(refusal: Refusal): Answer {
  const { status } = refusal
  if (status >= 500) {
    return errorAnswer(503, 'temporarily_unavailable', refusal, [
      ['Retry-After', String(refusal.retryAfter ?? laterWhenDown)],
    ])
  }
  if (status === 401) return errorAnswer(401, 'invalid_token', refusal, [invalidToken])
  return status === 403
    ? errorAnswer(403, 'access_denied', refusal)
    : errorAnswer(status, 'invalid_request', refusal)
}

export const invalidToken = ['WWW-Authenticate', 'Bearer error="invalid_token"'] as const

function errorAnswer(
  status: number,
  error: string,
  refusal: Refusal,
  headers: Answer['headers'] = [],
): Answer {
  return {
    status,
    headers: [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...headers],
    body: `${JSON.stringify({ error, error_description: refusalText(refusal), reason: refusal.reason })}\n`,
  }
}
