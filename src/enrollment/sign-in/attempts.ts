import type { Counters } from '../../shared-state/ports.ts'
import { EnrollmentRefused } from '../refusals.ts'
import { shortHash } from '../web/cookies.ts'

const window = 5 * 60 * 1000
/** An office may share one address, and all of it enrolls on one morning. */
const usersPerAddress = 20

/**
 * How often somebody may try. Counted before the attempt is looked at, so that guesses sent at once do not slip
 * through together, and for all machines together.
 */
export class Attempts {
  readonly #counters: Counters
  readonly #limit: number

  constructor(counters: Counters, limit: number) {
    this.#counters = counters
    this.#limit = limit
  }

  /** @throws EnrollmentRefused @param user undefined where a secret alone is tried */
  async count(source: string, user?: string): Promise<void> {
    const hits = await Promise.all([
      this.#counters.hit(`enroll-address:${source}`, window),
      user === undefined ? 0 : this.#counters.hit(`enroll-user:${shortHash(user.toLowerCase())}`, window),
    ])
    const [ofAddress, ofUser] = hits
    if (ofAddress > this.#limit * usersPerAddress || ofUser > this.#limit)
      throw new EnrollmentRefused('sign-in.too-many')
  }
}
