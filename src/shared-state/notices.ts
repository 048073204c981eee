import type { Notices } from './ports.ts'

export interface LocalNotices extends Notices {
  /** Another process has announced something. */
  receive(): void
}

/**
 * Notices within this process and, by way of `pass`, to those that it shares a machine with.
 * @param pass tells the others; at most once for everything that is announced in one turn of the event loop
 */
export function createLocalNotices(pass: () => void = () => {}): LocalNotices {
  const listeners = new Set<() => void>()
  let passing = false
  const receive = () => {
    for (const listener of listeners) listener()
  }
  return {
    receive,
    async announce() {
      if (passing) return
      passing = true
      setImmediate(() => {
        passing = false
        receive()
        pass()
      })
    },
    onNotice(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
