/** Who does something and why; both are audited. */
export interface Actor {
  readonly name: string
  readonly why: string
  /** Milliseconds since the epoch. */
  readonly at: number
}
