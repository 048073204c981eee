import { setTimeout as delay } from 'node:timers/promises'
import type { Problem } from '../../lib/yaml-document.ts'
import type { Profile } from './profile.ts'
import { type ReadBefore, readAhead, readProfiles, stampOf } from './read-profiles.ts'

/**
 * The profiles that hold now. New ones take their place all together or not at all: with a mistake in one file, those
 * before stay, since a profile that is left out would be removed from every device that has it.
 */
export class ProfilesInForce {
  #current: readonly Profile[]
  #stamp: string
  readonly #options: ProfileFiles
  readonly #read: ReadBefore

  private constructor(options: ProfileFiles, current: readonly Profile[], read: ReadBefore) {
    this.#options = options
    this.#read = read
    this.#current = current
    this.#stamp = stampOf(options.places, current)
  }

  /** @throws ProfilesRejected when there are none to begin with */
  static open(options: ProfileFiles): ProfilesInForce {
    const read: ReadBefore = new Map()
    const { profiles, problems } = readProfiles(options.places, options.env, read)
    if (profiles === undefined) throw new ProfilesRejected(problems)
    return new ProfilesInForce(options, profiles, read)
  }

  get current(): readonly Profile[] {
    return this.#current
  }

  /** Reads files that changed. @returns whether other profiles hold now */
  reload(): boolean {
    const { places, env } = this.#options
    const stamp = stampOf(places, this.#current)
    if (stamp === this.#stamp) return false
    this.#stamp = stamp
    const { profiles, problems } = readProfiles(places, env, this.#read)
    this.#options.onReload?.({ taken: profiles !== undefined, problems })
    if (profiles === undefined) return false
    this.#current = profiles
    this.#stamp = stampOf(places, profiles)
    return true
  }

  async #reloadGently(): Promise<boolean> {
    const { places, env } = this.#options
    if (stampOf(places, this.#current) !== this.#stamp) await readAhead(places, env, this.#read)
    return this.reload()
  }

  /** Looks every few seconds: secrets and certificates lie anywhere, and mounted folders tell of no change. */
  async follow(signal: AbortSignal, onChanged: () => void, every = 5_000): Promise<void> {
    while (!signal.aborted) {
      await delay(every, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted && (await this.#reloadGently())) onChanged()
    }
  }
}

export interface ProfileFiles {
  /** Files and folders, absolute. */
  readonly places: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly onReload?: (event: { readonly taken: boolean; readonly problems: readonly Problem[] }) => void
}

export class ProfilesRejected extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(
      problems.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'),
    )
    this.name = 'ProfilesRejected'
    this.problems = problems
  }
}
