import { RecordUnavailable } from '../store/errors.ts'

export interface RecordCopyOptions {
  /** Milliseconds that only grow: setting the clock makes nothing that is old young again. */
  readonly monotonic: () => number
  /** Milliseconds for which what was read last still counts when the record cannot be read; without end when not given. */
  readonly staleFor?: () => number
  readonly onError: (error: unknown) => void
}

/**
 * A copy of a part of the record, which every request of this process looks at. It is read anew when a change is told,
 * one reading after the other, so that no older answer is the last word; what cannot be read is tried again by itself.
 * Who must not act on what may be out of date waits until it is `ready`, and is refused when it has been so for too long.
 */
export abstract class RecordCopy {
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** Since when it may be out of date, because the record could not be read. */
  #staleSince: number | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false
  readonly #options: RecordCopyOptions

  constructor(options: RecordCopyOptions) {
    this.#options = options
  }

  /** What is read, for the error: `The MDM tokens`. */
  protected abstract readonly part: string

  /** Reads the record and takes what it says. @throws RecordUnavailable */
  protected abstract read(): Promise<void>

  /** Reads the record anew, after what is being read now. @throws RecordUnavailable */
  refresh(): Promise<void> {
    if (this.#reading === undefined) return this.#readNow()
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#readNow()
      })
    return this.#next
  }

  /** The part has changed, or changes may have been missed. */
  changed(): void {
    this.refresh().catch(this.#options.onError)
  }

  /** Resolved or undefined: what is known may be used now. @throws RecordUnavailable */
  ready(): Promise<void> | undefined {
    const pending = this.#next ?? this.#reading
    if (pending !== undefined) return pending.catch(() => this.#checkAge())
    this.#checkAge()
    return undefined
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
  }

  #readNow(): Promise<void> {
    clearTimeout(this.#retry)
    this.#reading = this.read()
      .then(
        () => {
          this.#staleSince = undefined
        },
        (error: unknown) => {
          this.#staleSince ??= this.#options.monotonic()
          if (!this.#closed) this.#retry = setTimeout(() => this.changed(), retryAfter).unref()
          throw error
        },
      )
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  #checkAge(): void {
    const { monotonic, staleFor } = this.#options
    if (this.#staleSince === undefined || staleFor === undefined) return
    if (monotonic() - this.#staleSince > staleFor())
      throw new RecordUnavailable('failed', `${this.part} cannot be read`)
  }
}

/** Milliseconds. */
const retryAfter = 1000
