/** Durations (`10s`, `5m`, `7d`) and sizes (`64KiB`) as administrators write them. A number always carries its unit. */

const milliseconds = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const bytes = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024, B: 1 } as const

export const durationPattern = /^\d{1,9}(ms|s|m|h|d)$/
export const sizePattern = /^\d{1,9}(B|KiB|MiB|GiB)$/

/** @returns milliseconds, or undefined when the text is no duration */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationPattern, milliseconds)
}

/** @param duration whole milliseconds; written in the largest unit that loses nothing */
export function formatDuration(duration: number): string {
  return format(duration, milliseconds, 's')
}

/** @returns bytes, or undefined when the text is no size */
export function parseSize(text: string): number | undefined {
  return parse(text, sizePattern, bytes)
}

/** @param size whole bytes; written in the largest unit that loses nothing */
export function formatSize(size: number): string {
  return format(size, bytes, 'B')
}

function parse(text: string, pattern: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const unit = pattern.exec(text)?.[1]
  if (unit === undefined) return undefined
  const value = Number(text.slice(0, -unit.length)) * units[unit]!
  return Number.isSafeInteger(value) ? value : undefined
}

/** The units stand largest first. */
function format(value: number, units: Readonly<Record<string, number>>, zero: string): string {
  if (value === 0) return `0${zero}`
  for (const [unit, factor] of Object.entries(units)) {
    if (value % factor === 0) return `${value / factor}${unit}`
  }
  throw new RangeError(`not a whole number: ${value}`)
}
