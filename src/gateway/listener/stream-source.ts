import type { Readable } from 'node:stream'
import type { BodySource, RequestBody } from './request-body.ts'

/** A body that comes as a stream of its own, as in HTTP/2. */
export class StreamSource implements BodySource {
  readonly #stream: Readable
  readonly #onFirstRead: (() => void) | undefined
  #started = false

  /** @param onFirstRead sends `100 Continue` where the client waits for it */
  constructor(stream: Readable, onFirstRead: (() => void) | undefined) {
    this.#stream = stream
    this.#onFirstRead = onFirstRead
  }

  resumeBody(body: RequestBody): void {
    const stream = this.#stream
    if (this.#started) {
      stream.resume()
      return
    }
    this.#started = true
    this.#onFirstRead?.()
    stream.on('data', (chunk: Buffer) => body.deliver(chunk))
    stream.on('end', () => body.complete())
    stream.on('error', (error) => body.fail('client.aborted', error))
    stream.on('close', () => body.fail('client.aborted'))
  }

  pauseBody(): void {
    this.#stream.pause()
  }

  bodyFailed(): void {}
}
