/** Milliseconds: how long a process has to have lived for its end to count as the first in a row, and the waits before the next. */
const lived = 30_000
const shortest = 100
const longest = 10_000

/**
 * How long to wait before a process is replaced: not at all when it had lived for a while, and ever longer while it
 * keeps ending, so that a gateway that cannot start does not take the machine with it.
 */
export class BackOff {
  #ends = 0

  /** @param livedFor milliseconds @returns milliseconds */
  next(livedFor: number): number {
    this.#ends = livedFor >= lived ? 0 : this.#ends + 1
    return this.#ends <= 1 ? 0 : Math.min(shortest * 2 ** (this.#ends - 2), longest)
  }
}
