import type { Limits } from '../../domain/limits.ts'

/** Counts open connections, in all and by the address that they come from. */
export class ConnectionCount {
  readonly #limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>) {
    this.#limits = limits
  }

  /**
   * @param shared the address stands for many clients (a trusted proxy), so that only the total counts
   * @returns what to call when the connection closes; undefined when there are too many
   */
  admit(address: string, shared: boolean): (() => void) | undefined {
    const mine = this.#byAddress.get(address) ?? 0
    if (this.#total >= this.#limits.connections) return undefined
    if (!shared && mine >= this.#limits.connectionsPerAddress) return undefined
    this.#total++
    this.#byAddress.set(address, mine + 1)
    return () => this.#release(address)
  }

  #release(address: string): void {
    this.#total--
    const mine = (this.#byAddress.get(address) ?? 0) - 1
    if (mine > 0) this.#byAddress.set(address, mine)
    else this.#byAddress.delete(address)
  }
}
