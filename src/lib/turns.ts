interface Line {
  running: number
  /** In order of their coming. */
  readonly waiting: Set<() => void>
}

/** At most so many at a time for each key; the others wait in order, and those of other keys do not notice. */
export class Turns {
  readonly #most: number
  readonly #lines = new Map<string, Line>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * @param start called at once, or when it is its turn
   * @returns what to call when it is done, or wants its turn no more; once or several times
   */
  take(key: string, start: () => void): () => void {
    const line = this.#lineOf(key)
    let over = false
    let begun = false
    const begin = () => {
      begun = true
      line.running++
      start()
    }
    if (line.running < this.#most) begin()
    else line.waiting.add(begin)
    return () => {
      if (over) return
      over = true
      line.waiting.delete(begin)
      if (begun) this.#next(key, line)
    }
  }

  #lineOf(key: string): Line {
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const line = { running: 0, waiting: new Set<() => void>() }
    this.#lines.set(key, line)
    return line
  }

  #next(key: string, line: Line): void {
    line.running--
    const [begin] = line.waiting
    if (begin !== undefined) {
      line.waiting.delete(begin)
      begin()
    } else if (line.running === 0) this.#lines.delete(key)
  }
}
