import type { EnrollingUser } from '../../domain/enrolling-user.ts'
import { sha256 } from '../../lib/hash.ts'
import type { Random } from '../../lib/random.ts'
import type { EnrollmentPasses } from '../../store/enrollment-sign-in-ports.ts'
import { EnrollmentRefused } from '../refusals.ts'
import type { Cookies } from '../web/cookies.ts'
import type { Visit } from '../web/visit.ts'
import { signInName } from './user-name.ts'

/** Who is signed in in this browser, and whether they have agreed to what the organisation will be able to do. */
export interface Session {
  readonly id: string
  readonly secret: string
  readonly user: EnrollingUser
  readonly method: SignInMethod
  readonly agreed: boolean
  /** Milliseconds since the epoch. */
  readonly endsAt: number
}

const signInMethods = ['oidc', 'ldap', 'code', 'handover'] as const
export type SignInMethod = (typeof signInMethods)[number]

type SetCookie = readonly [string, string]

export interface SessionDependencies {
  readonly cookies: Cookies
  readonly passes: Pick<EnrollmentPasses, 'add' | 'get' | 'claim'>
  readonly random: Random
  /** Milliseconds. */
  readonly life: number
}

/** Far more than anybody is in; the record holds them, since a cookie does not. */
const mostGroups = 2000
const longestName = 256

/**
 * A sign-in is a row of the record, and the browser has its name in a sealed cookie: signing out ends it also for whoever has copied
 * the cookie.
 */
export class Sessions {
  readonly #deps: SessionDependencies

  constructor(deps: SessionDependencies) {
    this.#deps = deps
  }

  /** Whatever sign-in this browser had ends. @throws EnrollmentRefused for a name that nobody has */
  async begin(user: EnrollingUser, method: SignInMethod, visit: Visit): Promise<SetCookie> {
    const { passes, random, life } = this.#deps
    const { at, source } = visit
    const { email, fullName } = user
    const person: EnrollingUser = {
      name: signInName(user.name),
      groups: user.groups.slice(0, mostGroups).filter((group) => group.length <= longestName),
      ...(email !== undefined && { email: email.slice(0, longestName) }),
      ...(fullName !== undefined && { fullName: fullName.slice(0, longestName) }),
    }
    const before = await this.read(visit)
    if (before !== undefined) await this.#end(before, at)
    const [id, secret] = [`s_${random.id()}`, random.secret()]
    const times = { createdAt: at, expiresAt: at + life }
    await passes.add({ id, kind: 'session', hash: hashOf(secret), user: person, source, ...times })
    return this.#set({ id, secret, user: person, method, agreed: false, endsAt: at + life }, at)
  }

  agree(session: Session, at: number): Promise<SetCookie> {
    return this.#set({ ...session, agreed: true }, at)
  }

  async end(visit: Visit): Promise<SetCookie> {
    const session = await this.read(visit)
    if (session !== undefined) await this.#end(session, visit.at)
    return this.#deps.cookies.clear('session')
  }

  async read(visit: Visit): Promise<Session | undefined> {
    const { cookies, passes } = this.#deps
    const claims = await cookies.read('session', visit)
    const { sub, secret, method, agreed } = claims ?? {}
    const known = signInMethods.find((one) => one === method)
    if (typeof sub !== 'string' || typeof secret !== 'string' || known === undefined) return undefined
    const pass = await passes.get(sub)
    if (pass?.kind !== 'session' || pass.claimedAt !== undefined || pass.expiresAt <= visit.at)
      return undefined
    const { user, expiresAt } = pass
    return { id: sub, secret, user, method: known, agreed: agreed === true, endsAt: expiresAt }
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

  /** A session that is claimed is over. */
  async #end({ secret }: Session, at: number): Promise<void> {
    await this.#deps.passes.claim(hashOf(secret), { kind: 'session', holder: undefined, at })
  }

  #set({ id, secret, method, agreed, endsAt }: Session, at: number): Promise<SetCookie> {
    const seconds = Math.max(1, Math.floor((endsAt - at) / 1000))
    return this.#deps.cookies.set('session', { sub: id, secret, method, agreed }, { at, seconds })
  }
}

/** Of one kind a secret is nothing as another. */
function hashOf(secret: string): string {
  return sha256(`session ${secret}`)
}
