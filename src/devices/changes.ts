import type { Notices } from '../shared-state/ports.ts'
import type { Change, Changes } from '../store/ports.ts'

export interface FollowOptions {
  readonly changes: Changes
  /** Milliseconds from the end of one look to the next; 200 when not given. */
  readonly intervalMs?: number
  /** Told of a change, it looks at once instead of at its next turn. */
  readonly notices?: Pick<Notices, 'onNotice'>
  /** Each committed change once, in order, whichever process made it. Its own failure counts as a gap. */
  readonly onChange: (change: Change) => void
  /**
   * Changes may have been missed, or cannot be seen for now: copies must be read anew. Called once at the start too.
   * `asOf`: the sequence from which they are followed on; undefined while they cannot be seen.
   */
  readonly onGap: (asOf: number | undefined) => void
  /** Changes are seen again after a time in which they could not be; those of meanwhile, up to `asOf`, have been passed on. */
  readonly onBack?: (asOf: number) => void
  readonly onError: (error: unknown) => void
}

export interface ChangeFollower {
  /** The last change that was passed on, or stood at the beginning; undefined before the first look. */
  readonly asOf: number | undefined
  /** Looks at once. @returns when all changes have been passed on that were committed before this call */
  poke(): Promise<void>
  close(): void
}

const atOnce = 500

/** Follows the record's change notices by polling, which sees the changes of every process and machine. */
export function followChanges(options: FollowOptions): ChangeFollower {
  const interval = options.intervalMs ?? 200
  const follower = new Follower(options)
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function run(): Promise<void> {
    clearTimeout(timer)
    running = follower.look().finally(() => {
      running = undefined
      if (!follower.closed) timer = setTimeout(run, interval).unref()
    })
    return running
  }

  function runAfter(present: Promise<void>): Promise<void> {
    return present.then(() => {
      next = undefined
      return follower.closed ? undefined : run()
    })
  }

  // One look for all the notices of a moment.
  let noticed: NodeJS.Timeout | undefined
  const endNotices = options.notices?.onNotice(() => {
    noticed ??= setTimeout(() => {
      noticed = undefined
      void poke()
    }, 2).unref()
  })

  function poke(): Promise<void> {
    if (follower.closed) return Promise.resolve()
    if (running === undefined) return run()
    next ??= runAfter(running)
    return next
  }

  void run()
  return {
    get asOf() {
      return follower.last?.sequence
    },
    poke,
    close() {
      follower.closed = true
      clearTimeout(timer)
      clearTimeout(noticed)
      endNotices?.()
    },
  }
}

class Follower {
  closed = false
  last: Seen | undefined
  readonly #options: FollowOptions
  #failing = false

  constructor(options: FollowOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async look(): Promise<void> {
    try {
      await this.#catchUp()
      if (this.#failing && this.last !== undefined) this.#options.onBack?.(this.last.sequence)
      this.#failing = false
    } catch (error) {
      if (this.closed) return
      this.#options.onError(error)
      if (!this.#failing) this.#options.onGap(undefined)
      this.#failing = true
    }
  }

  /** Asks for the last one that was seen as well: it tells whether the record is still the same. */
  async #catchUp(): Promise<void> {
    if (this.last === undefined) return this.#begin()
    for (;;) {
      const { sequence, mark }: Seen = this.last
      const batch = await this.#options.changes.since(sequence - 1, atOnce)
      if (this.closed) return
      const known = batch[0]?.sequence === sequence ? batch[0] : undefined
      const news = known === undefined ? batch : batch.slice(1)
      // Gone already, or of a record that was replaced by an older one, and has had changes since.
      if (known?.mark !== mark || (news[0]?.sequence ?? sequence + 1) !== sequence + 1) return this.#begin()
      this.#pass(news)
      if (this.closed || batch.length < atOnce) return
    }
  }

  async #begin(): Promise<void> {
    const { changes, onGap } = this.#options
    const sequence = await changes.latest()
    const [change] = await changes.since(sequence - 1, 1)
    if (this.closed) return
    this.last = { sequence, mark: change?.sequence === sequence ? change.mark : undefined }
    onGap(sequence)
  }

  #pass(batch: readonly Change[]): void {
    for (const change of batch) {
      this.last = change
      this.#options.onChange(change)
      if (this.closed) return
    }
  }
}

/** The last change that was passed on, or stood at the beginning. */
interface Seen {
  readonly sequence: number
  /** Undefined: there was no such change. */
  readonly mark: string | undefined
}
