import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'

export interface LineSinkOptions {
  /** File descriptor, or a file's path: it is made when it is missing, and appended to. */
  readonly destination: number | string
  /** Called when lines cannot be written any more, and when they can again. */
  readonly onCondition?: ((ok: boolean, detail?: string) => void) | undefined
}

/** Bytes gathered before they are written in one piece. */
const pieceSize = 64 * 1024
/** Bytes that wait for a slow or full destination; what does not fit is lost. */
const mostKept = 8 * 1024 * 1024
/** Milliseconds that a line may wait for others. */
const longestWait = 200
/** Milliseconds: a pipe whose reader is slow, and a destination that refuses. */
const retryAfter = { busy: 5, failed: 1_000 }

/**
 * Where log lines go, pino's and the access log's alike, so that lines never mix. A line is copied once, into a buffer
 * that is written when it is full or a moment has passed: there is one for each request, and handing each to a stream
 * costs as much as making it. A destination that fails loses lines, never the process.
 */
export class LineSink {
  readonly #fd: number
  readonly #onCondition: LineSinkOptions['onCondition']
  #piece = Buffer.allocUnsafe(pieceSize)
  #used = 0
  #waiting: Buffer[] = []
  #kept = 0
  #writing = false
  #failing = false
  #timer: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #whenIdle: (() => void) | undefined

  /** @throws when the file cannot be opened */
  constructor({ destination, onCondition }: LineSinkOptions) {
    this.#fd =
      typeof destination === 'number' ? withoutBlocking(destination) : openSync(destination, 'a', 0o600)
    this.#onCondition = onCondition
  }

  /** @param line ends in a line feed */
  write(line: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const most = line.length * 3
    if (this.#used + most > pieceSize) this.flush()
    if (most > pieceSize) this.#enqueue(Buffer.from(line))
    else this.#used += this.#piece.write(line, this.#used)
    this.#timer ??= setTimeout(() => this.flush(), longestWait).unref()
  }

  /** @param lines whole ones, of another process; not to be changed afterwards */
  pass(lines: Buffer): void {
    this.flush()
    this.#enqueue(lines)
  }

  /** Hands on what has been gathered. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#used === 0) return
    this.#enqueue(this.#piece.subarray(0, this.#used))
    this.#piece = Buffer.allocUnsafe(pieceSize)
    this.#used = 0
  }

  /** Writes out what is left; a destination that takes nothing any more loses it after `within` milliseconds. */
  async close(within = 2_000): Promise<void> {
    this.flush()
    if (this.#writing || this.#waiting.length > 0) await this.#idle(within)
    clearTimeout(this.#retry)
    if (!this.#writing) this.#writeLast()
  }

  #enqueue(piece: Buffer): void {
    if (this.#kept + piece.byteLength > mostKept) return
    this.#kept += piece.byteLength
    this.#waiting.push(piece)
    this.#pump()
  }

  #pump(): void {
    const [piece] = this.#waiting
    if (this.#writing || this.#retry !== undefined) return
    if (piece === undefined) {
      this.#whenIdle?.()
      return
    }
    this.#writing = true
    write(this.#fd, piece, 0, piece.byteLength, null, (error, written) => {
      this.#writing = false
      if (error === null) this.#advance(piece, written)
      else this.#postpone(error)
    })
  }

  #advance(piece: Buffer, written: number): void {
    if (this.#failing) this.#onCondition?.(true)
    this.#failing = false
    this.#kept -= written
    if (written < piece.byteLength) this.#waiting[0] = piece.subarray(written)
    else this.#waiting.shift()
    this.#pump()
  }

  #postpone(error: NodeJS.ErrnoException): void {
    const busy = error.code === 'EAGAIN'
    if (!busy && !this.#failing) {
      this.#failing = true
      this.#onCondition?.(false, `the log cannot be written: ${error.code ?? error.message}`)
    }
    const again = () => {
      this.#retry = undefined
      this.#pump()
    }
    this.#retry = setTimeout(again, busy ? retryAfter.busy : retryAfter.failed).unref()
  }

  #idle(within: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, within)
      this.#whenIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #writeLast(): void {
    try {
      for (const piece of this.#waiting.splice(0)) {
        // What is cut off here must be the last.
        if (writeSync(this.#fd, piece) < piece.byteLength) return
      }
    } catch {
      // It has failed before, and the process is ending.
    }
  }
}

/**
 * A write to a pipe whose reader has stopped does not return, and a process does not end before it does. A pipe is
 * opened anew, without blocking for us alone: its other writers keep it as it is. Only Linux can; elsewhere, and for
 * whatever is no pipe, the descriptor stays what it was.
 */
function withoutBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}
