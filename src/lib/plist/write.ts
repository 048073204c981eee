import { isPlistDict, PlistReal, type PlistValue } from './values.ts'

/** The declaration, Apple's DOCTYPE and the opening tag: devices are sent all three. */
export const plistHead = [
  '<?xml version="1.0" encoding="UTF-8"?>',
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
  '<plist version="1.0">',
] as const

/** Keys in their own order. @throws TypeError for what a property list cannot hold */
export function writePlist(value: PlistValue): Buffer {
  const lines: string[] = [...plistHead]
  write(value, lines)
  lines.push('</plist>\n')
  return Buffer.from(lines.join('\n'))
}

function write(value: PlistValue, lines: string[]): void {
  if (isPlistDict(value)) {
    lines.push('<dict>')
    for (const [key, member] of Object.entries(value)) {
      lines.push(`<key>${escaped(key)}</key>`)
      write(member, lines)
    }
    lines.push('</dict>')
  } else if (Array.isArray(value)) {
    lines.push('<array>')
    for (const member of value) write(member, lines)
    lines.push('</array>')
  } else lines.push(scalar(value))
}

function scalar(value: PlistValue): string {
  if (typeof value === 'string') return `<string>${escaped(value)}</string>`
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>'
  if (typeof value === 'bigint') return `<integer>${value}</integer>`
  if (typeof value === 'number') return integer(value)
  if (value instanceof PlistReal) return `<real>${realText(value.value)}</real>`
  if (value instanceof Date) return `<date>${value.toISOString().slice(0, 19)}Z</date>`
  if (value instanceof Uint8Array) return `<data>${Buffer.from(value).toString('base64')}</data>`
  throw new TypeError('a property list cannot hold this value')
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is not an integer: write real(${value})`)
  return `<integer>${value === 0 ? 0 : value}</integer>`
}

function realText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? '+infinity' : '-infinity'
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value)
}

/** XML 1.0 has no way to write some control characters. */
export function isPlistText(text: string): boolean {
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text) && text.isWellFormed()
}

function escaped(text: string): string {
  if (!isPlistText(text)) throw new TypeError('a property list cannot hold this text')
  // A carriage return that is not written as a number is read as a line feed (XML 1.0, 2.11).
  return text.replaceAll(/[&<>\r]/g, (one) => escapes[one] ?? '')
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }
