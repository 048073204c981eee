import type { MdmTokenVerifier, TokenStanding } from '../domain/mdm-token.ts'
import { isActive } from '../domain/mdm-token.ts'
import { sameHash } from '../evidence/mdm-token/hash.ts'
import { isTokenText } from '../evidence/mdm-token/text.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { MdmTokenReader, StoredMdmToken } from '../store/ports.ts'

export interface KnownMdmTokensOptions {
  readonly tokens: MdmTokenReader
  readonly hash: (token: string) => string
  /** Milliseconds that only grow: setting the clock makes nothing that is old young again. */
  readonly monotonic: () => number
  /** Milliseconds for which the tokens that were read last still count when the record cannot be read. */
  readonly staleFor: () => number
  readonly onError: (error: unknown) => void
}

export interface KnownToken {
  readonly id: string
  readonly standing: Exclude<TokenStanding, 'unknown'>
}

/**
 * The MDM tokens of the record as this process knows them, revoked and expired ones too. A change drops what is known:
 * whoever asks meanwhile waits for the record, so that a token that was revoked speaks for nobody from the notice on.
 */
export class KnownMdmTokens implements MdmTokenVerifier {
  /** By the first characters of the hash, which tell nobody anything; within, hashes are compared in constant time. */
  #byPrefix = new Map<string, StoredMdmToken[]>()
  #byId = new Map<string, StoredMdmToken>()
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** Since when what is known may be out of date, because the record could not be read. */
  #staleSince: number | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false
  readonly #options: KnownMdmTokensOptions

  constructor(options: KnownMdmTokensOptions) {
    this.#options = options
  }

  /** Reads the record anew, after what is being read now. @throws RecordUnavailable */
  refresh(): Promise<void> {
    if (this.#reading === undefined) return this.#read()
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#read()
      })
    return this.#next
  }

  /** The tokens have changed, or changes may have been missed. */
  changed(): void {
    this.refresh().catch(this.#options.onError)
  }

  /** Resolved or undefined: what is known may be used now. @throws RecordUnavailable */
  ready(): Promise<void> | undefined {
    const pending = this.#next ?? this.#reading
    if (pending !== undefined) return pending.catch(() => this.#checkAge())
    this.#checkAge()
    return undefined
  }

  /** Only when it is `ready`. @param token as it was presented */
  find(token: string, now: number): KnownToken | undefined {
    if (!isTokenText(token)) return undefined
    const hash = this.#options.hash(token)
    const found = this.#byPrefix.get(prefixOf(hash))?.find((known) => sameHash(known.hash, hash))
    return found && { id: found.id, standing: standingOf(found, now) }
  }

  /** Only when it is `ready`. */
  standing(id: string, now: number): TokenStanding {
    const found = this.#byId.get(id)
    return found === undefined ? 'unknown' : standingOf(found, now)
  }

  async verify(token: string, now: number): Promise<{ readonly id: string } | undefined> {
    await this.ready()
    const found = this.find(token, now)
    return found?.standing === 'active' ? { id: found.id } : undefined
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
  }

  #read(): Promise<void> {
    this.#reading = this.#readNow().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    clearTimeout(this.#retry)
    try {
      const tokens = await this.#options.tokens.list()
      this.#byPrefix = Map.groupBy(tokens, ({ hash }) => prefixOf(hash))
      this.#byId = new Map(tokens.map((token) => [token.id, token]))
      this.#staleSince = undefined
    } catch (error) {
      this.#staleSince ??= this.#options.monotonic()
      if (!this.#closed) this.#retry = setTimeout(() => this.changed(), retryAfter).unref()
      throw error
    }
  }

  #checkAge(): void {
    const { monotonic, staleFor } = this.#options
    if (this.#staleSince === undefined || monotonic() - this.#staleSince <= staleFor()) return
    throw new RecordUnavailable('failed', 'The MDM tokens cannot be read')
  }
}

function standingOf(token: StoredMdmToken, now: number): KnownToken['standing'] {
  return isActive(token, now) ? 'active' : 'inactive'
}

function prefixOf(hash: string): string {
  return hash.slice(0, 4)
}

const retryAfter = 1000
