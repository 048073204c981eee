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

  /** Somebody tries, from this address. @throws EnrollmentRefused */
  async count(source: string): Promise<void> {
    await this.#hit(`enroll-address:${source}`, this.#limit * usersPerAddress)
  }

  /** The password of this user is tried, from wherever. @param user in one spelling @throws EnrollmentRefused */
  async countUser(user: string): Promise<void> {
    await this.#hit(`enroll-user:${shortHash(user.toLowerCase())}`, this.#limit)
  }

  async #hit(key: string, limit: number): Promise<void> {
    if ((await this.#counters.hit(key, window)) > limit) throw new EnrollmentRefused('sign-in.too-many')
  }
}
