/**
 * Counts the exchanges from their head to their access line, so that a process that stops closes neither the record
 * nor the log while one is still being stored or written down.
 */
export class RunningExchanges {
  #running = 0
  #onNone: (() => void) | undefined

  begin(): void {
    this.#running++
  }

  end(): void {
    this.#running--
    if (this.#running === 0) this.#onNone?.()
  }

  /** @param atMost milliseconds: one that hangs must not keep the process from stopping */
  async settled(atMost: number): Promise<void> {
    if (this.#running === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onNone = resolve
    const timer = setTimeout(resolve, atMost)
    await promise
    clearTimeout(timer)
    this.#onNone = undefined
  }
}
