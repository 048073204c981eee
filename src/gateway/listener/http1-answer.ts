import { STATUS_CODES } from 'node:http'
import { parseContentLength } from '../wire/framing.ts'

/** The fields of an answer as text, and what its framing has to know of them. */
export interface AnswerFields {
  /** Each with its line end. */
  readonly lines: string
  /** Lines that stand only where trailers may follow. */
  readonly trailerLines: string
  /** What Content-Length promises; undefined without one. */
  readonly length: number | undefined
}

const unprintable = /[^\t\x20-\x7e\x80-\xff]/
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const statusLines = Array.from({ length: 600 }, (_, status) => {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
})
/** Names of answers are few; the bound keeps upstreams from filling the memory. */
const mostKnownNames = 1024

/** Writes the heads of answers: every name and value is checked, since whoever could write a line end would write the next answer. */
export class AnswerWriter {
  readonly #now: () => number
  readonly #knownNames = new Set<string>()
  #second = -1
  #dateLine = ''

  constructor(now: () => number) {
    this.#now = now
  }

  /** @throws TypeError for a status outside of 100 to 599 */
  statusLine(status: number): string {
    const line = statusLines[status]
    if (line === undefined || status < 100) throw new TypeError(`No status: ${status}`)
    return line
  }

  /**
   * @param headers name, value, name, value. Those of framing and of the connection are left out: they are the
   *   engine's own. Date is added where it is missing.
   * @throws TypeError when a name is no token, a value holds a control character, or Content-Length is no length
   */
  fields(headers: readonly string[]): AnswerFields {
    let lines = ''
    let trailerLines = ''
    let length: number | undefined
    let hasDate = false
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string
      const value = headers[i + 1] as string
      const line = this.#line(name, value)
      switch (engineField(name)) {
        case undefined:
          break
        case 'date':
          hasDate = true
          break
        case 'content-length':
          length = promised(value, length)
          break
        case 'trailer':
          trailerLines += line
          continue
        default:
          continue
      }
      lines += line
    }
    return { lines: hasDate ? lines : lines + this.#date(), trailerLines, length }
  }

  /** @throws TypeError as `fields` */
  plainFields(fields: readonly string[]): string {
    let lines = ''
    for (let i = 0; i < fields.length; i += 2)
      lines += this.#line(fields[i] as string, fields[i + 1] as string)
    return lines
  }

  #line(name: string, value: string): string {
    if (!this.#knownNames.has(name)) this.#learn(name)
    if (unprintable.test(value))
      throw new TypeError(`A field of an answer holds a control character: ${name}`)
    return `${name}: ${value}\r\n`
  }

  #learn(name: string): void {
    if (!token.test(name)) throw new TypeError('The name of a field of an answer is no token')
    if (this.#knownNames.size < mostKnownNames && name.length <= 64) this.#knownNames.add(name)
  }

  /** Written once a second. */
  #date(): string {
    const second = Math.floor(this.#now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#dateLine = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
    }
    return this.#dateLine
  }
}

const engineFields: ReadonlySet<string> = new Set([
  'date',
  'trailer',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
])

/** @returns the name in lower case when the engine has to look at the field; most are told by their length */
function engineField(name: string): string | undefined {
  const { length } = name
  if (length !== 14 && length !== 4 && length !== 7 && length !== 10 && length !== 17) return undefined
  const lower = name.toLowerCase()
  return engineFields.has(lower) ? lower : undefined
}

function promised(value: string, before: number | undefined): number {
  const length = parseContentLength(value)
  if (length < 0 || before !== undefined) throw new TypeError('Content-Length of an answer is no length')
  return length
}
