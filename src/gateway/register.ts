import { clientKey } from '../clients/client-key.ts'
import { gatehouseCookie, setDeviceCookie, setShortCookie } from '../clients/device-cookie.ts'
import type { Observation, UpstreamAnswer } from '../clients/protocol.ts'
import { sameUser } from '../clients/user-name.ts'
import type { Answer } from '../domain/answer.ts'
import type { Binding, ClientKey } from '../domain/client-identity.ts'
import type { Decision } from '../domain/decision.ts'
import type { DeviceIds } from '../domain/device-ids.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { DeviceState, Registration } from '../domain/registration.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { Grants, RegistrationWriter } from '../store/ports.ts'
import type { Assessment } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import { refusalAnswer } from './refuse.ts'
import { isWithoutSignIn } from './routing.ts'

export interface RegisterDependencies {
  readonly registrations: Pick<RegistrationWriter, 'register' | 'addKeys' | 'removeKeys'>
  readonly grants: Pick<Grants, 'add'>
  /** The device of our own enrollment that holds this key. */
  readonly enrolledDevice: (publicKeySha256: string) => Promise<string | undefined>
  readonly clientsPerUser: () => number
  /** 256 random bits, base64url. */
  readonly newSecret: () => string
  readonly newRegistrationId: () => string
  readonly now: () => number
  /** Never rejects: the device shows its token again at the next sign-in. */
  readonly rememberToken: (registrationId: string, tokenId: string) => Promise<void>
  /** Uses up the voucher by which this request is on a network. @returns false when it was used before */
  readonly claimVoucher: (head: RequestHead) => Promise<boolean>
  /** Called after the commit, so that the copies of this process and of others follow before the client does. Never rejects. */
  readonly onRegistered: (state: DeviceState, keys: readonly ClientKey[]) => Promise<void>
  /** A registered client has signed in anew. */
  readonly onAccepted?: (assessment: Assessment) => void
  readonly onFailed: (assessment: Assessment, error: unknown) => void
}

export type AnswerVerdict =
  | { readonly addHeaders: readonly string[] }
  | { readonly replace: Answer; readonly reason: ReasonCode }

type Registering = Decision & { readonly verdict: 'register' }

/**
 * Looks at the upstream's answer before the client sees any of it. When it accepts the user's credentials and the
 * policy lets this client register, the registration is committed *first*: no client is told of what a crash could
 * lose, and an answer that was not accepted registers nothing.
 */
export async function witnessAnswer(
  assessment: Assessment,
  client: ClientSide,
  answer: UpstreamAnswer,
  deps: RegisterDependencies,
): Promise<AnswerVerdict | undefined> {
  const { route, request, identification, decision, state } = assessment
  const observation = route.protocol.observe(request, identification, answer)
  if (observation.connectionUser !== undefined)
    client.connection.authenticatedUser = observation.connectionUser
  try {
    if (observation.revokes !== undefined) await deps.registrations.removeKeys(hashes(observation.revokes))
    if (observation.accepted !== undefined && decision.verdict === 'register') {
      return await commit(assessment, decision, observation, observation.accepted, deps)
    }
    if (isSomebodyElse(observation, state)) return replaceWith('client.user-mismatch', assessment)
    if (observation.accepted !== undefined) {
      deps.onAccepted?.(assessment)
      await rememberToken(assessment, deps)
    }
    await keepGrants(observation, state, route.service.name, deps)
    return undefined
  } catch (error) {
    deps.onFailed(assessment, error)
    return replaceWith('registration.failed', assessment)
  }
}

async function commit(
  assessment: Assessment,
  decision: Registering,
  observation: Observation,
  accepted: NonNullable<Observation['accepted']>,
  deps: RegisterDependencies,
): Promise<AnswerVerdict> {
  const { identity, setCookie } = newIdentity(assessment, accepted.keys, deps)
  const first = identity[0]
  const bound = boundTo(assessment, decision, accepted)
  if (bound === 'other-user') return replaceWith('app.other-user', assessment)
  if (first === undefined) return replaceWith('client.unidentified', assessment)
  const { route } = assessment
  const { head } = assessment.request
  const ticket = assessment.app?.ticket
  const vouched = assessment.facts.vouchedNetworks.length > 0
  // One visit to the VPN is for one client: the cookie that tells of it can be copied to any other.
  if (vouched && !(await deps.claimVoucher(head))) return replaceWith('return.invalid', assessment)
  const registration = {
    ...describe(assessment, decision, { binding: first.binding, accepted }, deps),
    ...bound,
    ...(await provedIds(assessment, bound?.deviceIds, deps)),
  }
  const keys = isProved(first.binding) ? identity : [...identity, ...(observation.grants ?? [])]
  // An approval lets one device register, once.
  const spent = {
    ...(decision.evidence.includes('approval') && { approvals: hashes(assessment.identification.keys) }),
    ...(bound !== undefined && ticket !== undefined && { ticket: ticket.hash }),
  }
  const limit = limitFor(assessment, deps)
  const result = await deps.registrations.register(registration, keys, limit, spent)
  if (result.outcome === 'limit') return replaceWith('registration.limit', assessment)
  if (result.outcome === 'ticket-used') return replaceWith('app.ticket-used', assessment)
  if (result.outcome === 'key-taken') return replaceWith('client.user-mismatch', assessment)
  if (result.outcome === 'app-revoked') return replaceWith('app.revoked', assessment)
  if (result.outcome === 'token-inactive') return replaceWith('token.inactive', assessment)
  await deps.onRegistered(result.state, keys)
  // It was blocked, as the same client, while this answer was on its way; the new registration is blocked as well.
  if (result.state.block !== undefined) return replaceWith('device.blocked', assessment)
  return {
    addHeaders: [
      ...(setCookie === undefined ? [] : ['Set-Cookie', setCookie]),
      ...(vouched
        ? ['Set-Cookie', setShortCookie(gatehouseCookie('voucher', head.scheme), '', 0, head.scheme)]
        : []),
      ...(ticket !== undefined && route.protocol.kind === 'browser'
        ? ['Set-Cookie', setShortCookie(gatehouseCookie('ticket', head.scheme), '', 0, head.scheme)]
        : []),
    ],
  }
}

/**
 * The device that the company app has proved. The user whom the upstream has accepted must be the app's; where nobody
 * signs in, the app says who it is.
 */
function boundTo(
  { app, route }: Assessment,
  { evidence }: Registering,
  { user }: NonNullable<Observation['accepted']>,
): (Pick<Registration, 'deviceIds' | 'appDeviceId'> & { readonly user?: string }) | undefined | 'other-user' {
  if (app === undefined || !evidence.includes('app')) return undefined
  const { device } = app
  const proved = { deviceIds: device.ids, appDeviceId: device.id }
  if (isWithoutSignIn(route)) return { ...proved, user: device.user }
  return sameUser(user, device.user) ? proved : 'other-user'
}

/** What the company app has proved, and which of our own enrollments the certificate is of. */
async function provedIds(
  { request }: Assessment,
  proved: DeviceIds | undefined,
  { enrolledDevice }: RegisterDependencies,
): Promise<Pick<Registration, 'deviceIds'>> {
  const certificate = request.head.connection.clientCertificate
  const enrollment = certificate && (await enrolledDevice(certificate.publicKeySha256))
  return enrollment === undefined ? {} : { deviceIds: { ...proved, enrollment } }
}

/** Where nobody signs in, all browsers share one name: a limit per user would count them together. */
function limitFor({ route }: Assessment, { clientsPerUser }: RegisterDependencies): number {
  return isWithoutSignIn(route) ? Number.MAX_SAFE_INTEGER : clientsPerUser()
}

/**
 * What the client is known by from now on. Whoever showed a certificate has to show it on every request: a claim or
 * token beside it would let in whoever has stolen that and has no certificate. A browser without one gets a cookie with
 * a new secret: one that came with the request is never registered, since somebody else may have planted it (session
 * fixation).
 */
function newIdentity(
  { route, request, identification }: Assessment,
  acceptedKeys: readonly ClientKey[] | undefined,
  deps: RegisterDependencies,
): { readonly identity: readonly ClientKey[]; readonly setCookie?: string } {
  const { service, protocol } = route
  const proved = identification.keys.filter(({ binding }) => isProved(binding))
  if (proved.length > 0) return { identity: proved }
  if (protocol.kind !== 'browser') return { identity: acceptedKeys ?? identification.keys }
  const secret = deps.newSecret()
  return {
    identity: [clientKey(service.name, 'cookie', secret)],
    setCookie: setDeviceCookie(secret, request.head.scheme),
  }
}

/** Does each request prove it anew? */
export function isProved(binding: Binding): boolean {
  return binding === 'certificate' || binding === 'key'
}

function describe(
  { route, request, identification, mdmTokenId }: Assessment,
  decision: Registering,
  found: { readonly binding: Binding; readonly accepted: NonNullable<Observation['accepted']> },
  deps: RegisterDependencies,
): Registration {
  const { claimedId, user } = found.accepted
  return {
    id: deps.newRegistrationId(),
    service: route.service.name,
    user,
    binding: found.binding,
    device: { ...identification.device, ...(claimedId !== undefined && { claimedId }) },
    evidence: decision.evidence,
    ...(mdmTokenId !== undefined && { mdmTokenId }),
    networks: decision.networks,
    rule: decision.rule,
    source: request.head.source.address,
    registeredAt: deps.now(),
  }
}

/**
 * The registration rests on the token that its client showed last. Only once the upstream has accepted the sign-in: who merely
 * claims to be this client must not change what it rests on.
 */
async function rememberToken(assessment: Assessment, deps: RegisterDependencies): Promise<void> {
  const { state, shownTokenId } = assessment
  if (!showsNewToken(assessment) || state === undefined || shownTokenId === undefined) return
  await deps.rememberToken(state.registration.id, shownTokenId)
}

export function showsNewToken({ state, shownTokenId }: Assessment): boolean {
  return state !== undefined && shownTokenId !== undefined && state.registration.mdmTokenId !== shownTokenId
}

/** Another user has signed in on a device that is registered: what is registered speaks for its own user alone. */
function isSomebodyElse({ accepted }: Observation, state: DeviceState | undefined): boolean {
  return accepted !== undefined && state !== undefined && !sameUser(accepted.user, state.registration.user)
}

/**
 * Tokens that the upstream hands to a registered client name it from now on, unless it proves itself; before that they
 * only remember the user.
 */
async function keepGrants(
  { grants, grantedTo, accepted }: Observation,
  state: DeviceState | undefined,
  service: string,
  deps: RegisterDependencies,
): Promise<void> {
  if (grants === undefined || grants.length === 0) return
  const user = grantedTo ?? accepted?.user
  const owner = state?.registration
  if (owner !== undefined && (user === undefined || user === owner.user) && !isProved(owner.binding)) {
    await deps.registrations.addKeys(owner.id, grants)
  } else if (user !== undefined) {
    await deps.grants.add(grants, service, user)
  }
}

function replaceWith(reason: ReasonCode, assessment: Assessment): AnswerVerdict {
  return { replace: refusalAnswer(reason, assessment.request.head, assessment), reason }
}

function hashes(keys: readonly ClientKey[]): string[] {
  return keys.map((key) => key.hash)
}
