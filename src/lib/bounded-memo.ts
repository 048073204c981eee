/**
 * Remembers what `compute` gave, for at most `limit` keys (twice that for a moment). When it is full the older half is
 * forgotten; what is asked for again is kept. Clients choose the keys, so it must not grow.
 */
export function boundedMemo<Value>(limit: number, compute: (key: string) => Value): (key: string) => Value {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  return (key) => {
    const known = young.get(key)
    if (known !== undefined) return known
    const value = old.get(key) ?? compute(key)
    if (young.size >= limit) {
      old = young
      young = new Map()
    }
    young.set(key, value)
    return value
  }
}
