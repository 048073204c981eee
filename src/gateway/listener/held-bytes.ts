const smallest = 512

/** Bytes that wait for more, or for their turn. It grows by doubling: a client that sends byte by byte costs no more than its bytes. */
export class HeldBytes {
  length = 0
  #bytes: Buffer | undefined

  append(bytes: Uint8Array): void {
    const length = this.length + bytes.length
    if (this.#bytes === undefined || this.#bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(smallest, 2 * this.length, length))
      this.#bytes?.copy(larger, 0, 0, this.length)
      this.#bytes = larger
    }
    this.#bytes.set(bytes, this.length)
    this.length = length
  }

  /** A view: valid until the next call. */
  get view(): Buffer {
    return this.#bytes === undefined ? nothing : this.#bytes.subarray(0, this.length)
  }

  /** Hands the bytes over and is empty. */
  take(): Buffer {
    const bytes = this.view
    this.clear()
    return bytes
  }

  clear(): void {
    this.#bytes = undefined
    this.length = 0
  }
}

const nothing = Buffer.alloc(0)
