import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import {
  AndFilter,
  Client,
  ConstraintViolationError,
  type Entry,
  EqualityFilter,
  FilterParser,
  InappropriateAuthError,
  InsufficientAccessError,
  InvalidCredentialsError,
  NoSuchObjectError,
  UnwillingToPerformError,
} from 'ldapts'
import type { EnrollingUser } from '../../domain/enrolling-user.ts'
import type { LdapSettings } from '../../settings/build-enrollment.ts'
import { EnrollmentRefused } from '../refusals.ts'

/**
 * Sign-in at a directory: a service account looks the user up, then the user's own password is tried at the entry that
 * was found (LDAP simple bind, RFC 4513). What the user types never becomes part of a filter's or a name's text: filters are
 * built as values, and the name is the one that the directory gave.
 */
export class LdapSignIn {
  readonly #settings: LdapSettings
  readonly #ca: readonly string[]

  constructor(settings: LdapSettings) {
    this.#settings = settings
    this.#ca = settings.ca.map((file) => readFileSync(file, 'utf8'))
  }

  /**
   * @param beforeTry told of the entry whose password is going to be tried. Attempts are counted by it: a directory takes many
   * spellings for one name (case, spaces, characters that look alike or not at all; RFC 4518), of which each would be counted apart.
   * @throws EnrollmentRefused `sign-in.wrong-password`, or `sign-in.unavailable` when no server answers
   */
  async check(
    typedName: string,
    password: string,
    beforeTry: (dn: string) => Promise<void> = async () => {},
  ): Promise<EnrollingUser> {
    const name = typedName.trim()
    // A bind without a password is an anonymous one, and succeeds (RFC 4513, 5.1.2).
    if (name === '' || name.length > 256 || password === '' || password.length > 1024)
      throw new EnrollmentRefused('sign-in.wrong-password')
    const failures: Error[] = []
    for (const server of this.#settings.servers) {
      try {
        return await this.#checkAt(server, { name, password, beforeTry })
      } catch (error) {
        if (error instanceof EnrollmentRefused) throw error
        failures.push(new Error(`${server}: ${error}`, { cause: error }))
      }
    }
    throw new EnrollmentRefused('sign-in.unavailable', {
      cause: new AggregateError(failures, 'no directory server answers'),
    })
  }

  async #checkAt(server: string, { name, password, beforeTry }: Attempt): Promise<EnrollingUser> {
    const entry = await this.#connected(server, async (client) => {
      await client.bind(this.#settings.bindDn, this.#settings.bindPassword.reveal())
      return this.#find(client, name)
    })
    if (entry === undefined) throw new EnrollmentRefused('sign-in.wrong-password')
    await beforeTry(entry.dn)
    await this.#connected(server, (client) => tryPassword(client, entry.dn, password))
    return toUser(entry, name, this.#settings)
  }

  /** Two entries with one name: whose password it is would be chance. */
  async #find(client: Client, name: string): Promise<Entry | undefined> {
    const { searchBase, userAttribute, groupsAttribute, filter, timeout } = this.#settings
    const isUser = new EqualityFilter({ attribute: userAttribute, value: name })
    const { searchEntries } = await client.search(searchBase, {
      scope: 'sub',
      filter:
        filter === undefined
          ? isUser
          : new AndFilter({ filters: [FilterParser.parseString(filter), isUser] }),
      attributes: [userAttribute, groupsAttribute, 'mail', 'displayName'],
      sizeLimit: 2,
      timeLimit: Math.ceil(timeout / 1000),
    })
    return searchEntries.length === 1 ? searchEntries[0] : undefined
  }

  /** A connection for each bind: what one has proved must not stand for the other. */
  async #connected<T>(server: string, work: (client: Client) => Promise<T>): Promise<T> {
    const { timeout } = this.#settings
    const { protocol, hostname } = new URL(server)
    const tls: ConnectionOptions = {
      minVersion: 'TLSv1.2',
      ...(this.#ca.length > 0 && { ca: [...this.#ca] }),
    }
    const client = new Client({
      url: server,
      timeout,
      connectTimeout: timeout,
      ...(protocol === 'ldaps:' && { tlsOptions: tls }),
    })
    try {
      if (protocol === 'ldap:') await client.startTLS({ ...tls, servername: hostname })
      return await work(client)
    } finally {
      await client.unbind().catch(() => {})
    }
  }
}

interface Attempt {
  readonly name: string
  readonly password: string
  readonly beforeTry: (dn: string) => Promise<void>
}

/**
 * With what directories say that this user may not sign in: a wrong password, none, an account that is locked, disabled or has to get
 * another password first. Everything else is a fault of the server, and says nothing about the user.
 */
const verdicts = [
  InvalidCredentialsError,
  InappropriateAuthError,
  ConstraintViolationError,
  UnwillingToPerformError,
  InsufficientAccessError,
  NoSuchObjectError,
]

async function tryPassword(client: Client, dn: string, password: string): Promise<void> {
  try {
    await client.bind(dn, password)
  } catch (error) {
    if (!verdicts.some((verdict) => error instanceof verdict)) throw error
    throw new EnrollmentRefused('sign-in.wrong-password', { cause: error })
  }
}

/** The directory's own spelling of the name; groups by the first part of their names. */
function toUser(
  entry: Entry,
  typed: string,
  { userAttribute, groupsAttribute }: LdapSettings,
): EnrollingUser {
  const [name = typed] = valuesOf(entry, userAttribute)
  const [email] = valuesOf(entry, 'mail')
  const [fullName] = valuesOf(entry, 'displayName')
  return {
    name,
    groups: valuesOf(entry, groupsAttribute).map(firstPart),
    ...(email !== undefined && { email }),
    ...(fullName !== undefined && { fullName }),
  }
}

/** Attribute names are compared without case (RFC 4512, 2.5). */
function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const found = Object.entries(entry).find(([name]) => name.toLowerCase() === attribute.toLowerCase())?.[1]
  const values = Array.isArray(found) ? found : [found]
  return values.filter((value) => typeof value === 'string')
}

/** `cn=Sales,ou=groups,…` → `Sales`; a plain name stays. Escapes (RFC 4514, 2.4) are undone. */
function firstPart(name: string): string {
  const value = /^[A-Za-z][A-Za-z0-9-]*=((?:\\.|[^,\\+])*)/.exec(name)?.[1]
  return value === undefined ? name : value.replaceAll(/\\([0-9A-Fa-f]{2}|.)/g, unescaped).trim()
}

function unescaped(_: string, code: string): string {
  return code.length === 2 ? Buffer.from(code, 'hex').toString('latin1') : code
}
