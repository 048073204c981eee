import { VendorError } from '../connector.ts'

export interface IssuedToken {
  readonly token: string
  /** Milliseconds since the epoch; undefined: until it is refused. */
  readonly expiresAt?: number
}

/** Tokens are renewed this long before their end. */
const margin = 5 * 60_000

/**
 * A vendor's token: asked for at first use, renewed shortly before its end, and once when the vendor refuses it. Callers
 * that come at the same time share one sign-in.
 */
export class AccessToken {
  readonly #signIn: (signal: AbortSignal) => Promise<IssuedToken>
  readonly #now: () => number
  #issued: (IssuedToken & { readonly renewAt: number }) | undefined
  #signingIn: Promise<string> | undefined

  constructor(signIn: (signal: AbortSignal) => Promise<IssuedToken>, now: () => number) {
    this.#signIn = signIn
    this.#now = now
  }

  /** The token that there is, without asking for one. */
  get current(): string | undefined {
    return this.#issued?.token
  }

  /**
   * Calls `use` with a token; when it says that the token was refused, once more with a new one.
   * @param use gives undefined when the vendor refuses the token
   * @throws VendorError `credentials` when it refuses the new one as well
   */
  async with<T>(signal: AbortSignal, use: (token: string) => Promise<T | undefined>): Promise<T> {
    const token = await this.#get(signal)
    const first = await use(token)
    if (first !== undefined) return first
    if (this.#issued?.token === token) this.#issued = undefined
    const second = await use(await this.#get(signal))
    if (second !== undefined) return second
    throw new VendorError('credentials', 'the vendor refuses a token that it has just issued')
  }

  async #get(signal: AbortSignal): Promise<string> {
    if (this.#issued !== undefined && this.#now() < this.#issued.renewAt) return this.#issued.token
    const shared = this.#signingIn
    if (shared === undefined) return this.#start(signal)
    try {
      return await shared
    } catch (error) {
      // Whoever began it may have given up since; that is not this caller's end.
      if (error instanceof VendorError || signal.aborted) throw error
      return this.#get(signal)
    }
  }

  #start(signal: AbortSignal): Promise<string> {
    const signingIn = this.#renew(signal).finally(() => {
      this.#signingIn = undefined
    })
    this.#signingIn = signingIn
    return signingIn
  }

  async #renew(signal: AbortSignal): Promise<string> {
    const issued = await this.#signIn(signal)
    const { expiresAt = Number.POSITIVE_INFINITY } = issued
    const lifetime = expiresAt - this.#now()
    this.#issued = { ...issued, renewAt: expiresAt - Math.min(margin, lifetime / 2) }
    return issued.token
  }
}
