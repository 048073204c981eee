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
 * @throws DeadlinePassed
 */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlinePassed(ms)), ms)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
