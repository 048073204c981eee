import type { EnrollingUser } from '../../domain/enrolling-user.ts'
import { EnrollmentRefused } from '../refusals.ts'
import type { Cookies } from '../web/cookies.ts'
import type { Visit } from '../web/visit.ts'

/** Who is signed in in this browser, and whether they have agreed to what the organisation will be able to do. */
export interface Session {
  readonly user: EnrollingUser
  readonly method: SignInMethod
  readonly agreed: boolean
  /** Milliseconds since the epoch. */
  readonly endsAt: number
}

export const signInMethods = ['oidc', 'ldap', 'code', 'handover'] as const
export type SignInMethod = (typeof signInMethods)[number]

type SetCookie = readonly [string, string]

/** More than these do not fit into a cookie, and nobody assigns profiles by more. */
const mostGroups = 50
const longestName = 256

export class Sessions {
  readonly #cookies: Cookies
  readonly #life: number

  /** @param life milliseconds */
  constructor(cookies: Cookies, life: number) {
    this.#cookies = cookies
    this.#life = life
  }

  begin(user: EnrollingUser, method: SignInMethod, at: number): Promise<SetCookie> {
    if (user.name === '' || user.name.length > longestName)
      throw new EnrollmentRefused('sign-in.provider-refused')
    return this.#set({ user, method, agreed: false, endsAt: at + this.#life }, at)
  }

  agree(session: Session, at: number): Promise<SetCookie> {
    return this.#set({ ...session, agreed: true }, at)
  }

  end(): SetCookie {
    return this.#cookies.clear('session')
  }

  async read(visit: Visit): Promise<Session | undefined> {
    const claims = await this.#cookies.read('session', visit)
    return claims === undefined ? undefined : toSession(claims)
  }

  /** @throws EnrollmentRefused */
  async needed(visit: Visit): Promise<Session> {
    const session = await this.read(visit)
    if (session === undefined) throw new EnrollmentRefused('sign-in.needed')
    return session
  }

  /** The session of somebody who knows what follows. @throws EnrollmentRefused */
  async agreed(visit: Visit): Promise<Session> {
    const session = await this.needed(visit)
    if (!session.agreed) throw new EnrollmentRefused('sign-in.consent-needed')
    return session
  }

  #set({ user, method, agreed, endsAt }: Session, at: number): Promise<SetCookie> {
    const groups = user.groups.slice(0, mostGroups)
    const seconds = Math.max(1, Math.floor((endsAt - at) / 1000))
    const { name, email, fullName } = user
    const claims = {
      ...{ sub: name, groups, method, agreed },
      ...(email !== undefined && { email: email.slice(0, longestName) }),
      ...(fullName !== undefined && { fullName: fullName.slice(0, longestName) }),
    }
    return this.#cookies.set('session', claims, { at, seconds })
  }
}

/** It was sealed by us; what an older version has sealed may lack something. */
function toSession(claims: Record<string, unknown>): Session | undefined {
  const { sub, groups, method, agreed, exp, email, fullName } = claims
  const known = signInMethods.find((one) => one === method)
  if (typeof sub !== 'string' || !Array.isArray(groups) || known === undefined || typeof exp !== 'number')
    return undefined
  const names = groups.filter((group) => typeof group === 'string')
  const user = {
    ...{ name: sub, groups: names },
    ...(typeof email === 'string' && { email }),
    ...(typeof fullName === 'string' && { fullName }),
  }
  return { user, method: known, agreed: agreed === true, endsAt: exp * 1000 }
}
