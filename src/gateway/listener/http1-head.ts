import { type Refused, refuse } from '../wire/refused.ts'
import { HeldBytes } from './held-bytes.ts'

/** A request line and header section, taken apart and not judged. */
export interface Http1Head {
  readonly method: string
  readonly target: string
  /** `1.1` of `HTTP/1.1`. */
  readonly httpVersion: string
  /** Name, value, name, value. */
  readonly rawHeaders: readonly string[]
}

export interface HeadBounds {
  /** Bytes of request line and header section together. */
  readonly headSize: number
  readonly headerFields: number
}

const cr = 0x0d
const lf = 0x0a
const tab = 0x09

const badByte = refuse('http.malformed', 'a control byte, or a line end that is not CR LF')
const emptyLines = refuse('http.malformed', 'more than one empty line before the request line')
const longTarget = refuse('limit.target-size', 'the request line is too long')
const longFields = refuse('limit.header-size', 'the header section is too long')
const badRequestLine = refuse('http.malformed', 'the request line is not three parts with single spaces')
const badVersion = refuse('http.malformed', 'no version of HTTP/1')
const foreignVersion = refuse('http.version', 'another major version of HTTP')
const folded = refuse('http.malformed', 'a folded line')
const noColon = refuse('http.malformed', 'a field without a colon')

/**
 * Reads heads of HTTP/1 (RFC 9112 2 to 5), without the leniencies that the RFC allows: only CR LF ends a line, and no
 * control byte but TAB stands within one. A byte is looked at once, and what comes of it does not depend on how the
 * bytes were cut into packets.
 */
export class HeadReader {
  /** Set when `read` gave the end of a head. */
  head: Http1Head | undefined
  /** Set when it gave -2. */
  refused: Refused | undefined
  readonly #bounds: HeadBounds
  readonly #held = new HeldBytes()
  /** Relative to the first byte: where the request line begins, where the present line does, and what was looked at. */
  #start = 0
  #line = 0
  #seen = 0

  constructor(bounds: HeadBounds) {
    this.#bounds = bounds
  }

  /** Is there a beginning of a head? */
  get begun(): boolean {
    return this.#held.length > 0
  }

  /** @returns where in `bytes` the head ends; -1 when it goes on; -2 when it is refused */
  read(bytes: Buffer): number {
    const before = this.#held.length
    if (before === 0) {
      const end = this.#readFrom(bytes)
      if (end === -1) this.#held.append(bytes)
      return end
    }
    this.#held.append(bytes)
    const end = this.#readFrom(this.#held.view)
    if (end === -1) return end
    this.#held.clear()
    return end < 0 ? end : end - before
  }

  #readFrom(bytes: Buffer): number {
    const end = this.#scan(bytes)
    if (end === -1) return end
    if (end >= 0) {
      const head = takeApart(bytes.toString('latin1', this.#start, end - 2), this.#bounds.headerFields)
      if ('refused' in head) this.refused = head
      else this.head = head
    }
    this.#start = 0
    this.#line = 0
    this.#seen = 0
    return this.refused === undefined ? end : -2
  }

  /** @returns what is behind the empty line that ends the head; -1 without one so far; -2 when refused */
  #scan(bytes: Buffer): number {
    const to = Math.min(bytes.length, this.#bounds.headSize)
    let line = this.#line
    let previous = this.#seen > 0 ? (bytes[this.#seen - 1] as number) : 0
    for (let i = this.#seen; i < to; i++) {
      const byte = bytes[i] as number
      if (previous === cr) {
        if (byte !== lf) return this.#refuse(badByte)
        if (line === i - 1) {
          if (line !== this.#start) return i + 1
          // RFC 9112 2.2: some clients send one behind a body.
          if (line !== 0) return this.#refuse(emptyLines)
          this.#start = 2
        }
        line = i + 1
      } else if (byte < 0x20 ? byte !== cr && byte !== tab : byte === 0x7f) return this.#refuse(badByte)
      previous = byte
    }
    if (to === this.#bounds.headSize) return this.#refuse(line === this.#start ? longTarget : longFields)
    this.#line = line
    this.#seen = to
    return -1
  }

  #refuse(refused: Refused): -2 {
    this.refused = refused
    return -2
  }
}

/** @param text whole lines with their ends; every CR and LF in it is part of one */
function takeApart(text: string, mostFields: number): Http1Head | Refused {
  let at = text.indexOf('\r\n')
  const first = text.indexOf(' ')
  const second = text.indexOf(' ', first + 1)
  if (first < 0 || second < 0 || second > at)
    return isHttp09(text.slice(0, at)) ? foreignVersion : badRequestLine
  const httpVersion = text.slice(second + 1, at)
  if (httpVersion !== 'HTTP/1.1' && httpVersion !== 'HTTP/1.0') return wrongVersion(httpVersion)
  if (first === 0 || second === first + 1) return badRequestLine
  const rawHeaders: string[] = []
  const { length } = text
  for (at += 2; at < length; ) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    if (isBlank(text.charCodeAt(at))) return folded
    if (colon < 0 || colon > end) return noColon
    // One more than is allowed, so that it is seen that there are too many.
    if (rawHeaders.length <= 2 * mostFields)
      rawHeaders.push(text.slice(at, colon), trimmed(text, colon + 1, end))
    at = end + 2
  }
  return {
    method: text.slice(0, first),
    target: text.slice(first + 1, second),
    httpVersion: httpVersion === 'HTTP/1.1' ? '1.1' : '1.0',
    rawHeaders,
  }
}

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === tab
}

/** `GET /`: how HTTP/0.9 asks. */
function isHttp09(line: string): boolean {
  return /^[A-Z]{1,32} [!-~]+$/.test(line)
}

function wrongVersion(text: string): Refused {
  return /^HTTP\/[02-9]\.\d$/.test(text) ? foreignVersion : badVersion
}
