/** The time was over before the work was done. */
export class DeadlinePassed extends Error {
  /** Milliseconds that the work had. */
  readonly after: number

  constructor(after: number) {
    super(`No answer within ${after} ms`)
    this.name = 'DeadlinePassed'
    this.after = after
  }
}

/**
 * What `work` gives, if it gives it within `ms` milliseconds. The work itself goes on: whoever must know what became of
 * it looks at the promise that was handed in. An error that it throws after the deadline is nobody's any more and is
 * dropped here.
 *
 * A process that stood still itself (its machine was busy, or paused) finds its timers run out before it has read what came
 * meanwhile. What has come by then is in time.
 * @throws DeadlinePassed
 */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let reading: NodeJS.Immediate | undefined
    // Timers run out before the sockets are read, immediates run after it.
    const timer = setTimeout(() => {
      reading = setImmediate(() => reject(new DeadlinePassed(ms)))
    }, ms)
    const done = () => {
      clearTimeout(timer)
      clearImmediate(reading)
    }
    work.then(
      (value) => {
        done()
        resolve(value)
      },
      (error: unknown) => {
        done()
        reject(error)
      },
    )
  })
}
