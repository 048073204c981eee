import type { ManagedDevice } from '../domain/managed-device.ts'

/**
 * People have several names: `alice`, `CORP\alice`, `alice@example.com`, and those that the settings list as aliases.
 * With a domain on both sides the whole name has to agree: `alice@a.example` is not `alice@b.example`.
 */

/** For each name all the names of the same person, the name itself among them; lower case. */
export type Aliases = ReadonlyMap<string, readonly string[]>

/** @param groups each a list of names of one person */
export function aliasesOf(groups: readonly (readonly string[])[]): Aliases {
  const aliases = new Map<string, readonly string[]>()
  for (const group of groups) {
    const names = group.map(plain)
    for (const name of names) aliases.set(name, [...new Set([...(aliases.get(name) ?? []), ...names])])
  }
  return aliases
}

export function namesOf(user: string, aliases: Aliases): readonly string[] {
  const name = plain(user)
  // `ann@a.example` is not the `ann` of the list: she may be anybody's.
  return aliases.get(name) ?? aliases.get(name.slice(name.lastIndexOf('\\') + 1)) ?? [name]
}

export function namesOfDevice({ user }: Pick<ManagedDevice, 'user'>): readonly string[] {
  return [user.name, user.upn, user.email].flatMap((name) => (name === undefined ? [] : plain(name)))
}

/** The keys under which a person is found in the record: each name whole and without its domain. */
export function userKeys(names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => [name, withoutDomain(name)]))].filter((key) => key !== '')
}

/** @param names of the registered user, with aliases */
export function isSamePerson(names: readonly string[], others: readonly string[]): boolean {
  if (names.some((name) => others.includes(name))) return true
  const theirs = others.filter(hasDomain)
  return names.some((name) => {
    if (hasDomain(name) && theirs.length > 0) return false
    const bare = withoutDomain(name)
    return others.some((other) => withoutDomain(other) === bare)
  })
}

/** Lower case, and Matrix's `@alice:example.org` as `alice@example.org`. */
function plain(name: string): string {
  const matrix = /^@([^:]+):([^:]+)/.exec(name)
  return (matrix ? `${matrix[1]}@${matrix[2]}` : name).toLowerCase()
}

function hasDomain(name: string): boolean {
  return name.includes('@')
}

function withoutDomain(name: string): string {
  return name.replace(/^[^\\]*\\/, '').replace(/@.*$/s, '')
}
