import type { BodyDecoder } from './body-decoder.ts'

const cr = 0x0d
const lf = 0x0a
const mostSizeDigits = 8
/** Bytes of all extensions of a message: nobody needs them, and they are a way to send without ever sending a body. */
const mostExtension = 4096

/** What the next byte has to be. */
type State =
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer-start'
  | 'trailer-name'
  | 'trailer-value'
  | 'trailer-lf'
  | 'end-lf'
  | 'complete'

/**
 * The chunked coding, strictly: 1 to 8 hexadecimal digits, CR LF and nothing else as line end. Extensions and trailers
 * are checked and thrown away: nothing behind the gateway gets to see what no policy has seen.
 */
export class ChunkedDecoder implements BodyDecoder {
  readonly #trailerSize: number
  #state: State = 'size'
  #size = 0
  #digits = 0
  #extension = 0
  #trailers = 0

  /** @param trailerSize the most bytes of the trailer section */
  constructor(trailerSize: number) {
    this.#trailerSize = trailerSize
  }

  get complete(): boolean {
    return this.#state === 'complete'
  }

  /** The chunks of one packet are handed on as one: a client that sends a byte in each would cost a hundred times its bytes. */
  decode(bytes: Buffer, sink: (chunk: Buffer) => void): number {
    const chunks: Buffer[] = []
    let at = 0
    while (at < bytes.length && this.#state !== 'complete') {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#size)
        chunks.push(bytes.subarray(at, end))
        this.#size -= end - at
        at = end
        if (this.#size === 0) this.#state = 'data-cr'
      } else if (!this.#step(bytes[at++] as number)) return -1
    }
    const [first] = chunks
    if (first !== undefined) sink(chunks.length === 1 ? first : Buffer.concat(chunks))
    return at
  }

  /** @returns false for a byte that may not stand here */
  #step(byte: number): boolean {
    switch (this.#state) {
      case 'size':
        return this.#inSize(byte)
      case 'extension':
        if (byte === cr) return this.#to('size-lf')
        return ++this.#extension <= mostExtension && isText(byte)
      case 'size-lf':
        this.#digits = 0
        return byte === lf && this.#to(this.#size === 0 ? 'trailer-start' : 'data')
      case 'data-cr':
        return byte === cr && this.#to('data-lf')
      case 'data-lf':
        return byte === lf && this.#to('size')
      case 'end-lf':
        return byte === lf && this.#to('complete')
      default:
        return this.#inTrailer(byte)
    }
  }

  #inSize(byte: number): boolean {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit
      return ++this.#digits <= mostSizeDigits
    }
    if (this.#digits === 0) return false
    if (byte === cr) return this.#to('size-lf')
    return byte === 0x3b && ++this.#extension <= mostExtension && this.#to('extension')
  }

  #inTrailer(byte: number): boolean {
    if (++this.#trailers > this.#trailerSize) return false
    switch (this.#state) {
      case 'trailer-start':
        if (byte === cr) return this.#to('end-lf')
        return isToken(byte) && this.#to('trailer-name')
      case 'trailer-name':
        return byte === 0x3a ? this.#to('trailer-value') : isToken(byte)
      case 'trailer-value':
        return byte === cr ? this.#to('trailer-lf') : isText(byte)
      default:
        return byte === lf && this.#to('trailer-start')
    }
  }

  #to(state: State): true {
    this.#state = state
    return true
  }
}

/** @returns -1 for any other byte */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** Whatever is no control byte, and TAB. */
function isText(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 0x09
}

const tokens = new Set(
  Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
)

function isToken(byte: number): boolean {
  return tokens.has(byte)
}
