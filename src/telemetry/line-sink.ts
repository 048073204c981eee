/** Where whole lines go: pino and the access log write to the same one, so that lines never mix. */
export interface LineStream {
  write(text: string): unknown
}

/**
 * Gathers lines and hands them on in one piece. A write for each line would cost as much as making it: the stream
 * measures and copies what it is given each time.
 */
export class LineSink implements LineStream {
  readonly #stream: LineStream
  #lines: string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(stream: LineStream) {
    this.#stream = stream
  }

  /** @param line ends in a line feed */
  write(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length >= linesAtOnce) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), longestWait).unref()
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#stream.write(lines.join(''))
  }
}

const linesAtOnce = 64
/** Milliseconds. */
const longestWait = 200
