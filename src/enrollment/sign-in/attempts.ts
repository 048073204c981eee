import { networkOf, parseAddress } from '../../lib/ip-address.ts'
import type { Counters } from '../../shared-state/ports.ts'
import { EnrollmentRefused } from '../refusals.ts'
import { shortHash } from '../web/cookies.ts'

const window = 5 * 60 * 1000
/** An office may share one address, and all of it enrolls on one morning. */
const usersPerAddress = 20

/** A customer of a provider may have 65,536 networks (RFC 6177), each of which would have its own attempts. */
const networksPerSite = 8

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

  /** @param typed the name, undefined where a secret alone is tried; names that there are not end just as soon @throws EnrollmentRefused */
  async count(source: string, typed?: string): Promise<void> {
    const most = this.#limit * usersPerAddress
    await this.#hit(`enroll-address:${networkOf(source)}`, most)
    const site = siteOf(source)
    if (site !== undefined) await this.#hit(`enroll-site:${site}`, most * networksPerSite)
    if (typed !== undefined) await this.#hit(`enroll-name:${hashOf(typed)}`, this.#limit)
  }

  /** The password of this user is tried, from wherever. @param user in one spelling @throws EnrollmentRefused */
  async countUser(user: string): Promise<void> {
    await this.#hit(`enroll-user:${hashOf(user)}`, this.#limit)
  }

  /** What a sign-in is given: each is one more device that could enroll. @throws EnrollmentRefused */
  async countGiven(user: string): Promise<void> {
    await this.#hit(`enroll-given:${hashOf(user)}`, this.#limit)
  }

  async #hit(key: string, limit: number): Promise<void> {
    if ((await this.#counters.hit(key, window)) > limit) throw new EnrollmentRefused('sign-in.too-many')
  }
}

/** The /48 of an IPv6 address. */
function siteOf(source: string): string | undefined {
  const address = parseAddress(source)
  return address?.family === 6 ? String(address.value >> 80n) : undefined
}

function hashOf(name: string): string {
  return shortHash(name.toLowerCase())
}
