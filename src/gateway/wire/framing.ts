import { type Refused, refuse } from './refused.ts'

/** Where the body of an HTTP/1 request ends. */
export interface Framing {
  readonly hasBody: boolean
  /** Bytes; undefined when the body is chunked. */
  readonly length: number | undefined
}

export interface FramingFields {
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly contentLength: string | undefined
  readonly transferEncoding: string | undefined
}

const bodyless: Framing = { hasBody: false, length: 0 }
const chunked: Framing = { hasBody: true, length: undefined }

/** RFC 9112 6.3, without its leniencies: each of them is a way to hide a second request in the first one's body. */
export function parseFraming(fields: FramingFields): Framing | Refused {
  const { contentLength, transferEncoding } = fields
  if (transferEncoding === undefined) {
    return contentLength === undefined ? bodyless : framedByLength(contentLength)
  }
  if (contentLength !== undefined) return refuse('http.framing', 'both Content-Length and Transfer-Encoding')
  if (fields.httpVersion !== '1.1')
    return refuse('http.framing', `Transfer-Encoding in HTTP/${fields.httpVersion}`)
  if (transferEncoding === 'chunked' || transferEncoding.toLowerCase() === 'chunked') return chunked
  return isCodingList(transferEncoding)
    ? refuse('http.transfer-coding', 'a transfer coding other than chunked')
    : refuse('http.framing', 'Transfer-Encoding is no transfer coding')
}

/**
 * Digits only, at most 15 of them: below 2^53, so that it is exact as a number.
 *
 * @returns -1 when it is no length
 */
export function parseContentLength(text: string): number {
  if (text.length === 0 || text.length > 15) return -1
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function framedByLength(text: string): Framing | Refused {
  const length = parseContentLength(text)
  if (length < 0) return refuse('http.framing', 'Content-Length is no number')
  return length === 0 ? bodyless : { hasBody: true, length }
}

function isCodingList(value: string): boolean {
  return value.split(',').every((coding) => /^[ \t]*[A-Za-z0-9-]{1,32}[ \t]*$/.test(coding))
}
