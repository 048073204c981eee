import type { Answer } from '../domain/answer.ts'
import type { ClientKey, DeviceDescription, Identification } from '../domain/client-identity.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { type ActiveSyncQuery, readActiveSyncQuery } from './activesync/query.ts'
import { textAnswer } from './answers/text.ts'
import { readAuthorization } from './authorization.ts'
import { certificateUser, withCertificate } from './certificate-key.ts'
import { clientKey } from './client-key.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import type {
  ClientProtocol,
  ClientRequest,
  Observation,
  ProtocolFactory,
  Refusal,
  UpstreamAnswer,
} from './protocol.ts'
import { identifiedAsRefused, RequestRefused } from './refused.ts'
import { createUserAgentReader, type UserAgentReader } from './user-agent.ts'
import { normalUser, sameUser } from './user-name.ts'

/**
 * Exchange ActiveSync: mail on phones. Each request names device and user in its query, and proves the user by Basic,
 * Bearer or NTLM. Device and user together are the key: a device id is no secret.
 *
 * OPTIONS and Autodiscover carry no device id, so they are judged as a client that is not registered; an administrator
 * who wants accounts set up from anywhere lists `/autodiscover/*` as public, and the upstream asks for the password.
 */
export const activesync: ProtocolFactory = (service): ClientProtocol => {
  const describe = createUserAgentReader()
  const keysOf = (claims: ActiveSyncQuery, user: string | undefined): ClientKey[] =>
    user === undefined
      ? []
      : claims.deviceIds.map((id) => clientKey(service.name, 'claimed', 'activesync', id, user))

  function identify({ head }: ClientRequest): Identification {
    try {
      const claims = readClaims(head)
      const { user, credentials } = namedUser(head, claims)
      return withCertificate(service.name, head, {
        keys: keysOf(claims, user),
        device: describeDevice(head, claims, describe),
        signIn: credentials?.user !== undefined && claims.deviceIds.length > 0,
        navigation: false,
        ...(user !== undefined && { user }),
        ...(credentials?.user === undefined && { unproven: true }),
      })
    } catch (error) {
      return identifiedAsRefused(error)
    }
  }

  function observe(
    { head }: ClientRequest,
    identification: Identification,
    answer: UpstreamAnswer,
  ): Observation {
    const { user } = identification
    if (user === undefined || identification.refuse !== undefined) return {}
    const signedIn = signsConnection(head) && answer.status !== 401
    // Some servers answer GET and OPTIONS before they look at the credentials; a command is POST (MS-ASHTTP 2.2.1.1).
    const accepted = identification.signIn && head.method === 'POST' && answer.status === 200
    return {
      ...(signedIn && { connectionUser: user }),
      ...(accepted && { accepted: { user, keys: keysToRegister(head, identification) } }),
    }
  }

  /**
   * Before its credentials a phone is known by the user of the query alone, so that spelling is registered as well.
   * It is never a key for a request whose credentials name somebody: those have to be the registered ones.
   */
  function keysToRegister(head: RequestHead, identification: Identification): readonly ClientKey[] {
    const claims = readClaims(head)
    const claimed = normalUser(claims.user)
    return claimed === undefined || claimed === identification.user
      ? identification.keys
      : [...identification.keys, ...keysOf(claims, claimed)]
  }

  return {
    kind: 'activesync',
    readsBody: () => false,
    identify,
    watches: ({ head }, { refuse }) => refuse === undefined && signsConnection(head),
    readsAnswer: () => false,
    observe,
    refuse: (_, refusal) => refuseActiveSync(refusal),
    redirect: (request, { location }) =>
      isSyncPath(request.path) ? wrongServer(`https://${location.host}`) : undefined,
    claims: (path) => isSyncPath(path) || isAutodiscover(path),
    bringBack: (request, publicOrigin) => (isSyncPath(request.path) ? wrongServer(publicOrigin) : undefined),
  }
}

const syncPath = '/Microsoft-Server-ActiveSync'

/** IIS does not tell letter cases apart. */
function isSyncPath(path: string): boolean {
  return isAtOrBelow(path.toLowerCase(), syncPath.toLowerCase())
}

function isAutodiscover(path: string): boolean {
  return isAtOrBelow(path.toLowerCase(), '/autodiscover')
}

function isAtOrBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}

/** Device claims count on their own path alone: elsewhere on the server they would lend the phone's registration to anything. */
function readClaims(head: RequestHead): ActiveSyncQuery {
  return isSyncPath(head.path) ? readActiveSyncQuery(head.query, head.method) : { deviceIds: [] }
}

/** The user of the credentials; before there are any, of the query, as a mere claim. */
function namedUser(
  head: RequestHead,
  claims: ActiveSyncQuery,
): { readonly user: string | undefined; readonly credentials: Credentials | undefined } {
  const credentials = readCredentials(head)
  const claimed = normalUser(claims.user)
  const proving = credentials?.user
  if (proving !== undefined && claimed !== undefined && !sameUser(proving, claimed)) {
    throw new RequestRefused('client.user-mismatch')
  }
  return { user: proving ?? claimed ?? certificateUser(head), credentials }
}

/** Only after `identify` has read the same credentials without a complaint. */
function signsConnection(head: RequestHead): boolean {
  const scheme = readAuthorization(head)?.scheme
  return (scheme === 'ntlm' || scheme === 'negotiate') && readCredentials(head)?.signsConnection === true
}

function describeDevice(
  head: RequestHead,
  { deviceIds, deviceType }: ActiveSyncQuery,
  describe: UserAgentReader,
): DeviceDescription {
  const description = describe(head)
  const { platform: fromAgent, ...rest } = description
  const platform = platformOf(deviceType) ?? fromAgent
  return {
    ...rest,
    ...(platform !== undefined && { platform }),
    ...(deviceType !== undefined && { type: deviceType }),
    ...(deviceIds[0] !== undefined && { claimedId: deviceIds[0] }),
  }
}

const platformMarks = [
  [/^ipad/i, 'ipados'],
  [/^i(?:phone|pod)/i, 'ios'],
  [/android/i, 'android'],
  [/^(?:wp|windows)/i, 'windows'],
] as const

function platformOf(deviceType: string | undefined): DeviceDescription['platform'] {
  return deviceType === undefined ? undefined : platformMarks.find(([mark]) => mark.test(deviceType))?.[1]
}

/** Seconds. */
const laterWhenChecking = 60
const laterWhenDown = 120

/** Statuses that tell a mail app nothing but that its request was wrong. */
const harmless: ReadonlySet<number> = new Set([400, 403, 404, 405, 408, 413, 414, 417, 421, 431])

/**
 * 403 stops the synchronisation without touching what is on the phone. Never 401 (asks for the password again), 302
 * (means nothing here), 449 (provisions), nor a Status 140 (wipes the phone).
 */
function refuseActiveSync(refusal: Refusal): Answer {
  if (refusal.reason === 'device.posture-unknown') return later(refusal, laterWhenChecking)
  if (refusal.status >= 500) return later(refusal, laterWhenDown)
  return textAnswer(harmless.has(refusal.status) ? refusal.status : 403, refusal)
}

function later(refusal: Refusal, seconds: number): Answer {
  return textAnswer(503, refusal, [['Retry-After', String(refusal.retryAfter ?? seconds)]])
}

/** 451 is ActiveSync's own (MS-ASHTTP 2.2.2.1.1): the phone uses the given address from now on. */
function wrongServer(origin: string): Answer {
  return {
    status: 451,
    headers: [
      ['X-MS-Location', `${origin}${syncPath}`],
      ['Cache-Control', 'no-store'],
    ],
    body: '',
  }
}
