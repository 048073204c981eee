/** Runs what concerns one subject one after another, and different subjects side by side. */
export interface OneAtATime {
  run<T>(subject: string, work: () => Promise<T>): Promise<T>
}

export function createOneAtATime(): OneAtATime {
  const last = new Map<string, Promise<unknown>>()
  return {
    run(subject, work) {
      const before = last.get(subject) ?? Promise.resolve()
      const mine = before.then(work, work)
      const settled = mine
        .catch(() => {})
        .then(() => {
          if (last.get(subject) === settled) last.delete(subject)
        })
      last.set(subject, settled)
      return mine
    },
  }
}
