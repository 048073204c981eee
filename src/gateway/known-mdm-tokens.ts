import { RecordCopy, type RecordCopyOptions } from '../devices/record-copy.ts'
import type { MdmTokenVerifier, TokenStanding } from '../domain/mdm-token.ts'
import { isActive } from '../domain/mdm-token.ts'
import { sameHash } from '../evidence/mdm-token/hash.ts'
import { isTokenText } from '../evidence/mdm-token/text.ts'
import type { MdmTokenReader, StoredMdmToken } from '../store/ports.ts'

export interface KnownMdmTokensOptions extends RecordCopyOptions {
  readonly tokens: MdmTokenReader
  readonly hash: (token: string) => string
}

export interface KnownToken {
  readonly id: string
  readonly standing: Exclude<TokenStanding, 'unknown'>
}

/**
 * The MDM tokens of the record as this process knows them, revoked and expired ones too. A change drops what is known:
 * whoever asks meanwhile waits for the record, so that a token that was revoked speaks for nobody from the notice on.
 */
export class KnownMdmTokens extends RecordCopy implements MdmTokenVerifier {
  protected readonly part = 'The MDM tokens'
  /** By the first characters of the hash, which tell nobody anything; within, hashes are compared in constant time. */
  #byPrefix = new Map<string, StoredMdmToken[]>()
  #byId = new Map<string, StoredMdmToken>()
  readonly #options: KnownMdmTokensOptions

  constructor(options: KnownMdmTokensOptions) {
    super(options)
    this.#options = options
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

  protected async read(): Promise<void> {
    const tokens = await this.#options.tokens.list()
    this.#byPrefix = Map.groupBy(tokens, ({ hash }) => prefixOf(hash))
    this.#byId = new Map(tokens.map((token) => [token.id, token]))
  }
}

function standingOf(token: StoredMdmToken, now: number): KnownToken['standing'] {
  return isActive(token, now) ? 'active' : 'inactive'
}

function prefixOf(hash: string): string {
  return hash.slice(0, 4)
}
