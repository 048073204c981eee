/** What a simulated vendor may be made to do wrong. Each holds until it is taken back. */
export interface Faults {
  /** Milliseconds before each answer. */
  readonly slow?: number
  /** The page of this number (from 1) of each sweep goes wrong. */
  readonly page?: { readonly number: number; readonly as: BrokenPage }
  /** The list is empty, as after an outage of the vendor's search. */
  readonly empty?: boolean
  /** The vendor's total counts so many devices more than it lists. */
  readonly total?: number
  /** The next so many calls get 429; `Retry-After` as it stands here (seconds or a date), left out when empty. */
  readonly throttle?: { readonly times: number; readonly retryAfter: string }
  /** The next so many calls get 503. */
  readonly fail?: number
  /** The first device comes once more at the end of the list, as when pages shift. */
  readonly duplicate?: boolean
  /** Next-links lead to this origin, where the vendor has next-links. */
  readonly nextLink?: string
  /** Every call is redirected there. */
  readonly redirect?: string
  /** Every call for devices is answered with 200 and this inside, where the vendor has such errors. */
  readonly within?: Readonly<Record<string, unknown>>
  /** Credentials are right, and the account has not the right to read devices. */
  readonly forbidden?: boolean
}

/** `html`: a login page with 200; `truncated`: half of the JSON; `no-list`: without its list; `cut`: the connection ends within. */
export type BrokenPage = 'html' | 'truncated' | 'no-list' | 'cut' | 'deep'
