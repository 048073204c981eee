import { type Organisation, type ProfileTemplate, templateOf } from './build-profile.ts'
import { profilePrefix } from './identifiers.ts'
import type { Profile } from './profile.ts'

/** The profiles in force, each worked out once for all devices, when the first device needs it. */
export class Templates {
  readonly #profiles: () => readonly Profile[]
  readonly #organisation: Organisation
  readonly #made = new WeakMap<Profile, ProfileTemplate>()
  #of: readonly Profile[] | undefined
  #byIdentifier: ReadonlyMap<string, Profile> = new Map()

  constructor(profiles: () => readonly Profile[], organisation: Organisation) {
    this.#profiles = profiles
    this.#organisation = organisation
  }

  get profiles(): readonly Profile[] {
    return this.#profiles()
  }

  of(profile: Profile): ProfileTemplate {
    const known = this.#made.get(profile)
    if (known !== undefined) return known
    const made = templateOf(profile, this.#organisation)
    this.#made.set(profile, made)
    return made
  }

  find(identifier: string): ProfileTemplate | undefined {
    const profile = this.#profile(identifier)
    return profile && this.of(profile)
  }

  isRequired(identifier: string): boolean {
    return this.#profile(identifier)?.required === true
  }

  #profile(identifier: string): Profile | undefined {
    const current = this.#profiles()
    if (this.#of !== current) {
      const prefix = profilePrefix(this.#organisation.identifier)
      this.#byIdentifier = new Map(current.map((profile) => [`${prefix}${profile.name}`, profile]))
      this.#of = current
    }
    return this.#byIdentifier.get(identifier)
  }
}
