import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { checkWith } from '../../lib/check-with.ts'
import { fileTrouble } from '../../lib/error-code.ts'
import { isPlistText } from '../../lib/plist/write.ts'
import {
  type KeyPath,
  type Problem,
  problemAt,
  readYaml,
  type YamlDocument,
} from '../../lib/yaml-document.ts'
import { readSecret, Secret, type SecretSource } from '../../settings/secret.ts'
import { readTextFile } from '../../settings/text-file.ts'
import { sizeOfProfile } from './build-profile.ts'
import {
  type PayloadDefinition,
  type ProfileSystem,
  prepareFields,
  profileSystems,
  type Reading,
  type Values,
} from './payloads/payload.ts'
import type { Assignment, LoadedPayload, Profile, Removal } from './profile.ts'
import { payloadKinds, profileSchema, type WrittenProfile } from './profile-schema.ts'

export type ReadProfile =
  | { readonly profile: Profile; readonly problems: readonly [] }
  | { readonly profile: undefined; readonly problems: readonly Problem[] }

/** Reads one profile, with the secrets and files that it names. Every mistake is reported, in the order of the lines. */
export function readProfile(text: string, file: string, env: NodeJS.ProcessEnv): ReadProfile {
  const document = readYaml(text, file)
  const { value, problems } = checkWith(profileSchema, document)
  if (value === undefined) return { profile: undefined, problems: first(problems) }
  const mistakes = new Mistakes(document)
  const profile = new Builder(file, env, mistakes).profile(value)
  if (mistakes.found.length > 0) return { profile: undefined, problems: first(mistakes.found) }
  // A few aliases make very much of very little.
  if (sizeOfProfile(profile) <= mostWritten) return { profile, problems: [] }
  const message = 'what becomes of it is larger than 4 MiB: make several profiles of it'
  return { profile: undefined, problems: [problemAt(document, ['payloads'], message)] }
}

const mostWritten = 4 * 1024 * 1024

/** In their order. Nobody reads more of them, and they go to the log and to `/healthz`. */
function first(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column).slice(0, mostProblems)
}

const mostProblems = 50

class Mistakes {
  readonly found: Problem[] = []
  readonly #document: YamlDocument

  constructor(document: YamlDocument) {
    this.#document = document
  }

  add(path: KeyPath, message: string): void {
    this.found.push(problemAt(this.#document, path, message))
  }
}

/** A payload as it is written: its kind, and where it stands. */
interface Written {
  readonly definition: PayloadDefinition
  readonly id: string
  readonly values: Values
  readonly path: KeyPath
}

class Builder {
  readonly #file: string
  readonly #env: NodeJS.ProcessEnv
  readonly #mistakes: Mistakes
  readonly #reads = new Set<string>()
  #secrets = false

  constructor(file: string, env: NodeJS.ProcessEnv, mistakes: Mistakes) {
    this.#file = file
    this.#env = env
    this.#mistakes = mistakes
  }

  profile(written: WrittenProfile): Profile {
    const all = written.payloads.map((payload, index) => writtenPayload(payload as Values, index))
    this.#checkIds(all)
    const payloads = all.map((one) => this.#payload(one, all))
    const removal = this.#removal(written.removal)
    if (written.encrypted === false && this.#secrets)
      this.#mistakes.add(['encrypted'], 'must not be false: the profile holds secrets')
    const { name, title, description, required } = written
    return {
      ...{ name, title, file: this.#file, required, removal, payloads },
      ...(description !== undefined && { description }),
      encrypted: written.encrypted ?? this.#secrets,
      assign: { ...who(written.assign), systems: this.#systems(written, all) },
      reads: [...this.#reads],
    }
  }

  #checkIds(all: readonly Written[]): void {
    const ids = all.map(({ id }) => id)
    for (const [index, { id, path, values, definition }] of all.entries()) {
      if (ids.indexOf(id) === index) continue
      const message =
        values.id === undefined
          ? `there is another ${definition.name} in this profile: give each an \`id\``
          : `there is another payload ${id} in this profile`
      this.#mistakes.add(values.id === undefined ? path : [...path, 'id'], message)
    }
  }

  #payload({ definition, id, values, path }: Written, all: readonly Written[]): LoadedPayload {
    for (const mistake of definition.check?.(values) ?? [])
      this.#mistakes.add([...path, ...mistake.path], mistake.message)
    const { id: _, title, ...own } = values
    return {
      ...{ id, definition },
      ...(typeof title === 'string' && { title }),
      values: prepareFields(definition.fields, own, this.#reading(path, all)),
    }
  }

  #reading(path: KeyPath, all: readonly Written[]): Reading {
    const mistake = (message: string) => this.#mistakes.add(path, message)
    return {
      mistake,
      within: (step) => this.#reading([...path, step], all),
      secret: (source) => this.#secret(source, path),
      noteSecret: () => {
        this.#secrets = true
      },
      file: (name) => this.#bytes(resolve(dirname(this.#file), name), mistake),
      reference(id, kinds) {
        const found = all.find((one) => one.id === id)
        const fits = ({ definition }: Written) =>
          kinds.includes('any') || (definition.provides !== undefined && kinds.includes(definition.provides))
        if (found !== undefined && fits(found)) return
        const others = all.filter(fits).map((one) => one.id)
        const choice = others.length === 0 ? 'and it has none' : `there: ${others.join(', ')}`
        mistake(`must be the \`id\` of ${kindText(kinds)} of this profile, ${choice}`)
      },
    }
  }

  #secret(source: SecretSource, path: KeyPath): Secret {
    this.#secrets = true
    const resolvePath = (path: string) => resolve(dirname(this.#file), path)
    if (source.file !== undefined) this.#reads.add(resolvePath(source.file))
    const secret = readSecret(source, { env: this.#env, readFile: readTextFile, resolve: resolvePath })
    if (typeof secret !== 'string' && isSecretText(secret.reveal())) return secret
    this.#mistakes.add(
      path,
      typeof secret === 'string'
        ? secret
        : 'the secret is no text, or has control characters, which no device can be told',
    )
    return new Secret('', source)
  }

  #bytes(path: string, mistake: (message: string) => void): Buffer {
    this.#reads.add(path)
    try {
      const stats = statSync(path)
      if (!stats.isFile()) return refused(mistake, `${path} is no file`)
      if (stats.size > mostBytes) return refused(mistake, `${path} is larger than 1 MiB`)
      const bytes = readFileSync(path)
      if (bytes.length === 0) mistake(`${path} is empty`)
      return bytes
    } catch (error) {
      return refused(mistake, `${path} cannot be read: ${fileTrouble(error)}`)
    }
  }

  #removal(written: WrittenProfile['removal']): Removal {
    if (typeof written === 'string') return { kind: written }
    return { kind: 'password', password: this.#secret(written.password, ['removal', 'password']) }
  }

  /** The systems that know every payload; those that are written must be among them. */
  #systems({ assign: { platforms } }: WrittenProfile, all: readonly Written[]): ReadonlySet<ProfileSystem> {
    const known = profileSystems.filter((system) =>
      all.every(({ definition }) => definition.systems[system] !== undefined),
    )
    for (const [index, system] of (platforms ?? []).entries()) {
      const stranger = all.find(({ definition }) => definition.systems[system] === undefined)
      if (stranger === undefined) continue
      const message = `there is no ${stranger.definition.name} on ${system}`
      this.#mistakes.add(['assign', 'platforms', index], message)
    }
    return new Set(platforms ?? known)
  }
}

/** What was no UTF-8 in a file has become U+FFFD. */
function isSecretText(text: string): boolean {
  return isPlistText(text) && !text.includes('\ufffd')
}

/** More than any certificate or icon has. */
const mostBytes = 1024 * 1024

function refused(mistake: (message: string) => void, message: string): Buffer {
  mistake(message)
  return Buffer.alloc(0)
}

function writtenPayload(payload: Values, index: number): Written {
  // The schema has seen to it that there is one key, and that it is one of the kinds.
  const [[name, values] = ['', {}]] = Object.entries(payload) as [string, Values][]
  const definition = payloadKinds.find((kind) => kind.name === name)
  if (definition === undefined) throw new TypeError(`there is no payload ${name}`)
  const id = typeof values.id === 'string' ? values.id : name
  return { definition, id, values, path: ['payloads', index, name] }
}

function kindText(kinds: readonly string[]): string {
  if (kinds.includes('any')) return 'a payload'
  return kinds.includes('identity') ? 'an identity (scep, identity)' : 'a CA (certificate, intermediate)'
}

function who(written: WrittenProfile['assign']): Omit<Assignment, 'systems'> {
  const set = (names: readonly string[] = []) => new Set(names.map((name) => name.toLowerCase()))
  return {
    everyone: written.everyone === true,
    users: set(written.users),
    groups: set(written.groups),
    notUsers: set(written.notUsers),
    notGroups: set(written.notGroups),
  }
}
