import type { VendorAnswer } from '../vendor-http.ts'

/** Milliseconds. Vendors count by the day at most; one that names years is wrong, and must be asked again all the same. */
const longest = 86_400_000

/**
 * Milliseconds, a day at most, from `now` until the vendor wants to be asked again: `Retry-After` as seconds or as a date (RFC 9110,
 * 10.2.3), else `x-ratelimit-reset` as seconds since the epoch.
 */
export function retryAfterOf(answer: Pick<VendorAnswer, 'header'>, now: number): number | undefined {
  const wanted = wantedBy(answer, now)
  return wanted && Math.min(wanted, longest)
}

function wantedBy(answer: Pick<VendorAnswer, 'header'>, now: number): number | undefined {
  const value = answer.header('retry-after')?.trim()
  if (value !== undefined && /^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = value === undefined ? Number.NaN : Date.parse(value)
  if (!Number.isNaN(date)) return Math.max(0, date - now)
  const reset = answer.header('x-ratelimit-reset')?.trim()
  return reset !== undefined && /^\d{10}$/.test(reset) ? Math.max(0, Number(reset) * 1000 - now) : undefined
}
