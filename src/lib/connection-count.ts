export interface ConnectionLimits {
  /** At a time, in all. */
  readonly connections: number
  readonly connectionsPerAddress: number
}

/** Counts open connections, in all and by the address that they come from. */
export class ConnectionCount {
  readonly #limits: ConnectionLimits
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /**
   * @param shared the address stands for many clients (a trusted proxy), so that only the total counts
   * @returns what to call when the connection closes; undefined when there are too many
   */
  admit(address: string, shared: boolean): (() => void) | undefined {
    if (this.full(address, shared) !== undefined) return undefined
    this.#total++
    this.#byAddress.set(address, this.#of(address) + 1)
    return () => this.#release(address)
  }

  /** Which of the two limits keeps another connection of this address out. */
  full(address: string, shared: boolean): 'total' | 'address' | undefined {
    if (this.#total >= this.#limits.connections) return 'total'
    return !shared && this.#of(address) >= this.#limits.connectionsPerAddress ? 'address' : undefined
  }

  #of(address: string): number {
    return this.#byAddress.get(address) ?? 0
  }

  #release(address: string): void {
    this.#total--
    const mine = this.#of(address) - 1
    if (mine > 0) this.#byAddress.set(address, mine)
    else this.#byAddress.delete(address)
  }
}
