import type { VendorAnswer } from '../vendor-http.ts'

/**
 * Milliseconds from `now` until the vendor wants to be asked again: `Retry-After` as seconds or as a date (RFC 9110,
 * 10.2.3), else `x-ratelimit-reset` as seconds since the epoch.
 */
export function retryAfterOf(answer: Pick<VendorAnswer, 'header'>, now: number): number | undefined {
  const value = answer.header('retry-after')?.trim()
  if (value !== undefined && /^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = value === undefined ? Number.NaN : Date.parse(value)
  if (!Number.isNaN(date)) return Math.max(0, date - now)
  const reset = answer.header('x-ratelimit-reset')?.trim()
  return reset !== undefined && /^\d{10}$/.test(reset) ? Math.max(0, Number(reset) * 1000 - now) : undefined
}
