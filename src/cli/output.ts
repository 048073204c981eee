/** What commands print. Text is for people, `--json` for programs; both go through here and nowhere else. */

export interface Output {
  readonly json: boolean
  /** Prints the value as one JSON document with `--json`, otherwise the text. At most once a command. */
  show(value: unknown, text: () => string): void
  /** A line that is only for people: nothing with `--json`. */
  note(line: string): void
  /** To standard error, with and without `--json`. */
  warn(line: string): void
}

export interface Streams {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export function createOutput(streams: Streams, json: boolean): Output {
  const print = (text: string) => streams.out(`${visible(text.trimEnd())}\n`)
  return {
    json,
    show: (value, text) => print(json ? JSON.stringify(value, undefined, 2) : text()),
    note(line) {
      if (!json) print(line)
    },
    warn: (line) => streams.err(`${visible(line)}\n`),
  }
}

/**
 * Names and devices come from clients. Control characters (C0 but the line feed, DEL, C1) and bidirectional overrides
 * would let a client write on the administrator's terminal; as `\uXXXX` they are harmless, and still JSON.
 */
const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

export function visible(text: string): string {
  return text.replace(unsafe, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Columns as wide as their widest cell; the last one is not padded. An absent cell is shown as `-`. */
export function table(head: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => oneLine(cell ?? '-')))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names on the left, values on the right; what is absent is left out. */
export function facts(entries: readonly (readonly [string, string | undefined])[], indent = ''): string {
  const present = entries.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(0, ...present.map(([name]) => name.length))
  return present.map(([name, value]) => `${indent}${name.padEnd(width)}  ${oneLine(value ?? '')}`).join('\n')
}

function oneLine(text: string): string {
  return visible(text.replaceAll('\n', ' '))
}

/** ISO 8601 with the machine's own offset from UTC: `2026-08-22T14:03:05+02:00`. */
export function localTime(at: number): string {
  const offset = -new Date(at).getTimezoneOffset()
  const local = new Date(at + offset * 60_000).toISOString().slice(0, 19)
  const minutes = Math.abs(offset)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** `s` unless there is exactly one. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
