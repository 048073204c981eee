/**
 * What is newest of a device while a sweep is under way. A sweep takes minutes, and some vendors' connectors read at its
 * beginning who is out of compliance; a device that was asked for by itself meanwhile is known better. What the sweep
 * then says of it is not believed, and when it says something else, the vendor is asked once more.
 */
export class LatestWord {
  #asked: Set<string> | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** A sweep begins. */
  begin(): void {
    this.#asked = new Set()
  }

  end(): void {
    this.#asked = undefined
  }

  /** The vendor has answered for just this device. */
  asked(id: string): void {
    this.#asked?.add(id)
  }

  /** Is what was asked for newer than what the sweep says? */
  isNewer(id: string): boolean {
    return this.#asked?.has(id) === true
  }

  /** One after the other: between the look at what is newest and the write nothing newer comes. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }
}
