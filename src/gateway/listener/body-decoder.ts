/** Takes the framing off a body (RFC 9112 6 and 7). */
export interface BodyDecoder {
  /** All of the body was seen. */
  readonly complete: boolean
  /**
   * Hands what belongs to the body to `sink`.
   * @returns how many of the bytes belong to the body's framing; -1 when they break its rules
   */
  decode(bytes: Buffer, sink: (chunk: Buffer) => void): number
}

/** A body with Content-Length. */
export class LengthDecoder implements BodyDecoder {
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  get complete(): boolean {
    return this.#left === 0
  }

  decode(bytes: Buffer, sink: (chunk: Buffer) => void): number {
    const taken = Math.min(bytes.length, this.#left)
    this.#left -= taken
    sink(taken === bytes.length ? bytes : bytes.subarray(0, taken))
    return taken
  }
}
