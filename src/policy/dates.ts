const form = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$/
const day = 86_400_000

/**
 * Milliseconds since the epoch at which a date begins: `2026-11-01` at midnight UTC, or `2026-11-01T09:00+01:00`.
 * Undefined when the text is no date, or a day that does not exist.
 */
export function startOf(text: string): number | undefined {
  const parts = form.exec(text)
  if (parts === null) return undefined
  const midnight = Date.parse(`${parts[1]}T00:00:00Z`)
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== parts[1]) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** As `startOf`, but a date without a time lasts until that day is over. */
export function endOf(text: string): number | undefined {
  const start = startOf(text)
  return start === undefined || text.includes('T') ? start : start + day
}
