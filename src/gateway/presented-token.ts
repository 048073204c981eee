import type { TokenStanding } from '../domain/mdm-token.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { isTokenText } from '../evidence/mdm-token/text.ts'
import type { Counters } from '../shared-state/ports.ts'
import type { KnownMdmTokens } from './known-mdm-tokens.ts'

export interface PresentedToken {
  /** Set for tokens that are known, active or not. */
  readonly id?: string
  readonly standing: TokenStanding | 'malformed'
  /** So many unknown tokens came from this address that no new client is let in by one for now. */
  readonly limited: boolean
}

export interface TokenReaderOptions {
  readonly known: Pick<KnownMdmTokens, 'ready' | 'find'>
  readonly counters: Counters
  readonly hash: (token: string) => string
  /** In lower case. */
  readonly header: string
  /** Different unknown tokens from one address within a minute. */
  readonly wrongPerMinute: number
  readonly now: () => number
  readonly onError: (error: unknown) => void
}

export type TokenReader = (
  head: RequestHead,
) => PresentedToken | undefined | Promise<PresentedToken | undefined>

const window = 60_000

/** Reads the MDM token of a request. It changes nothing but the count of wrong ones. */
export function createTokenReader(options: TokenReaderOptions): TokenReader {
  const { known, header, now } = options
  const guard = new GuessGuard(options)
  const judge = async (token: string, head: RequestHead): Promise<PresentedToken> => {
    const found = known.find(token, head.receivedAt)
    const { address } = head.source
    if (found === undefined) await guard.count(address, token)
    return { ...(found ?? unknown), limited: guard.isLimited(address, now()) }
  }
  return (head) => {
    if (!head.fields.has(header)) return undefined
    const values = head.fields.all(header)
    const [token] = values
    // Twice: this gateway and whoever is behind it could each believe another one.
    if (token === undefined || values.length > 1 || !isTokenText(token)) return malformed
    const pending = known.ready()
    return pending === undefined ? judge(token, head) : pending.then(() => judge(token, head))
  }
}

const malformed: PresentedToken = { standing: 'malformed', limited: false }
const unknown = { standing: 'unknown' } as const

/**
 * Counts *different* unknown tokens: a guesser shows many, a fleet whose MDM has a mistyped one shows the same from
 * every device, perhaps all behind one address.
 */
class GuessGuard {
  readonly #options: TokenReaderOptions
  readonly #limited = new Map<string, number>()

  constructor(options: TokenReaderOptions) {
    this.#options = options
  }

  isLimited(address: string, now: number): boolean {
    if (this.#limited.size === 0) return false
    const until = this.#limited.get(address)
    if (until === undefined) return false
    if (until > now) return true
    this.#limited.delete(address)
    return false
  }

  /** Where counting fails, a wrong token is still a wrong token. */
  async count(address: string, token: string): Promise<void> {
    const { counters, hash, wrongPerMinute, now, onError } = this.#options
    try {
      // The keyed hash: whoever reads the shared state learns no token that was almost right.
      if ((await counters.hit(`mdm-token:${address}:${hash(token)}`, window)) > 1) return
      if ((await counters.hit(`mdm-token:${address}`, window)) <= wrongPerMinute) return
      if (this.#limited.size >= mostLimited) this.#forget(now())
      this.#limited.set(address, now() + window)
    } catch (error) {
      onError(error)
    }
  }

  #forget(now: number): void {
    for (const [address, until] of this.#limited) if (until <= now) this.#limited.delete(address)
    const [first] = this.#limited.keys()
    if (this.#limited.size >= mostLimited && first !== undefined) this.#limited.delete(first)
  }
}

const mostLimited = 10_000
