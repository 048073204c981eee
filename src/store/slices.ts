/** As many values as one statement gets. */
const atOnce = 500

/** The values without repetitions, in slices that one statement takes. */
export function* slices(values: readonly string[], size = atOnce): Iterable<string[]> {
  const distinct = [...new Set(values)]
  for (let begin = 0; begin < distinct.length; begin += size) yield distinct.slice(begin, begin + size)
}
