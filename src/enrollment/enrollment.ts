/**
 * Enrollment: Apple devices that Gatehouse manages itself. A user signs in on a page (`user-pages.ts`, `sign-in/`), the
 * device gets an identity from our CA (`ca/`, `scep/`) and a profile with which it is managed (`ota/`, `direct.ts`,
 * `account-driven.ts`); from then on it checks in and fetches commands and profiles (`mdm/`, `commands/`, `profiles/`).
 * All of it is one listener (`web/listener.ts`), apart from the gateway's and the management's. What it knows is in the
 * record, so that any machine may serve any step.
 *
 * This file: which address is whose, and that each request ends in an answer.
 */
import type { Answer } from '../domain/answer.ts'
import { SharedStateUnavailable } from '../shared-state/ports.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { type AccountDependencies, accountEnrollment, accountPaths, discovery } from './account-driven.ts'
import { devicePaths } from './enrollment-profile.ts'
import { type OtaDependencies, profileService } from './ota/ota.ts'
import { profileServicePath } from './ota/profile-service.ts'
import { EnrollmentRefused, type RefusalCode, refusals } from './refusals.ts'
import { challengeInPath } from './scep/access.ts'
import { pagesThatAct, type UserPageDependencies, userPages } from './user-pages.ts'
import { refusalAnswer } from './web/refusal-answer.ts'
import type { Visit } from './web/visit.ts'

/** Undefined: not an address of this part. */
export type Mount = (visit: Visit) => Promise<Answer | undefined> | undefined

export interface EnrollmentDependencies {
  readonly pages: UserPageDependencies
  readonly ota: OtaDependencies
  readonly account: AccountDependencies
  /** SCEP, check-in, commands, revocation lists: they answer for themselves, and never with 401 for a fault of ours. */
  readonly mounts: readonly Mount[]
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onRefused: (code: RefusalCode) => void
}

/** Answers every request; never throws. */
export function createEnrollment(deps: EnrollmentDependencies): (visit: Visit) => Promise<Answer> {
  return async (visit) => {
    try {
      return await route(visit, deps)
    } catch (error) {
      return refuse(error, visit, deps)
    }
  }
}

async function route(visit: Visit, deps: EnrollmentDependencies): Promise<Answer> {
  for (const mount of deps.mounts) {
    const answer = await mount(visit)
    if (answer !== undefined) return answer
  }
  // What answers GET answers HEAD, which changes nothing.
  if (visit.method === 'HEAD' && Object.hasOwn(pagesThatAct, visit.path)) {
    const announce = pagesThatAct[visit.path]
    if (announce === undefined) throw new EnrollmentRefused('request.method')
    await deps.pages.sessions.agreed(visit)
    return announce(deps.pages)
  }
  const method = visit.method === 'HEAD' ? 'GET' : visit.method
  const key = `${method} ${visit.path}`
  if (key === `POST ${profileServicePath}`) return profileService(visit, deps.ota)
  if (key === `POST ${accountPaths.enroll}`) return accountEnrollment(visit, deps.account)
  if (key === `GET ${accountPaths.discovery}`) return discovery(visit, deps.account.settings)
  const page = Object.hasOwn(userPages, key) ? userPages[key] : undefined
  if (page !== undefined) return page(visit, deps.pages)
  throw new EnrollmentRefused(methodsOf(visit.path) === '' ? 'request.unknown' : 'request.method')
}

/** Empty: there is no such path. */
function methodsOf(path: string): string {
  if (path === profileServicePath || path === accountPaths.enroll) return 'POST'
  if (path === accountPaths.discovery) return 'GET, HEAD'
  const has = (method: string) => Object.hasOwn(userPages, `${method} ${path}`)
  const headless = Object.hasOwn(pagesThatAct, path) && pagesThatAct[path] === undefined
  const known = [has('GET') && 'GET', has('GET') && !headless && 'HEAD', has('POST') && 'POST']
  return known.filter((method) => method !== false).join(', ')
}

function refuse(error: unknown, visit: Visit, { logger, onRefused, pages }: EnrollmentDependencies): Answer {
  const code = codeOf(error)
  const { id, method, source } = visit
  const fields = { id, method, path: pathForLog(visit), source, reason: code ?? 'fault', ...detailOf(error) }
  onRefused(code ?? 'service.unavailable')
  if (code === undefined) logger.error({ ...fields, err: error }, 'enrollment: fault')
  else logger[refusals[code].status >= 500 ? 'warn' : 'info'](fields, 'enrollment: refused')
  if (error instanceof EnrollmentRefused && error.answer !== undefined) return error.answer
  const answer = refusalAnswer(code ?? 'service.unavailable', visit, pages.settings.help)
  return code === 'request.method'
    ? { ...answer, headers: [...answer.headers, ['Allow', methodsOf(visit.path)]] }
    : answer
}

const longestPath = 256

/** Behind `/scep/` stands a challenge, which may be good still. */
function pathForLog({ path }: Visit): string {
  return challengeInPath(path, devicePaths.scep) === undefined
    ? path.slice(0, longestPath)
    : `${devicePaths.scep}/…`
}

function codeOf(error: unknown): RefusalCode | undefined {
  if (error instanceof EnrollmentRefused) return error.code
  if (error instanceof RecordUnavailable || error instanceof SharedStateUnavailable)
    return 'service.unavailable'
  return undefined
}

/** Why, for the log; our own errors hold no secret. */
function detailOf(error: unknown): { readonly detail?: string } {
  const cause = error instanceof EnrollmentRefused ? error.cause : error
  return cause instanceof Error ? { detail: reasonsOf(cause).join(': ') } : {}
}

const deepest = 4

/** The message and what is behind it: “does not answer” alone does not say what to mend. */
function reasonsOf(error: Error): readonly string[] {
  const reasons: string[] = []
  for (let next: unknown = error; next instanceof Error && reasons.length < deepest; next = next.cause)
    reasons.push(
      next instanceof AggregateError
        ? [next.message, ...next.errors.map((one) => (one instanceof Error ? one.message : ''))].join('; ')
        : next.message,
    )
  return reasons
}
