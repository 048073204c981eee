import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { readableBody, type UpstreamAnswer } from '../../clients/protocol.ts'
import { headerPairs, type UpstreamHeaders } from './response-headers.ts'

/** An upstream's answer for the client protocols. Most of them look at the status alone, so the headers wait to be asked for. */
export class ObservedAnswer implements UpstreamAnswer {
  readonly status: number
  readonly body?: Uint8Array
  readonly #raw: UpstreamHeaders
  #headers: UpstreamAnswer['headers'] | undefined

  constructor(status: number, headers: UpstreamHeaders, body?: Uint8Array) {
    this.status = status
    this.#raw = headers
    if (body !== undefined) this.body = body
  }

  get headers(): UpstreamAnswer['headers'] {
    this.#headers ??= headerPairs(this.#raw)
    return this.#headers
  }

  withBody(body: Uint8Array): ObservedAnswer {
    return new ObservedAnswer(this.status, this.#raw, body)
  }
}

const decoders: Readonly<Record<string, (body: Uint8Array) => Promise<Uint8Array>>> = {
  gzip: bounded(gunzip),
  'x-gzip': bounded(gunzip),
  deflate: bounded(inflate),
  br: bounded(brotliDecompress),
}

/**
 * Undoes one Content-Encoding, to at most `readableBody` bytes (a small body may unpack to gigabytes).
 * @returns undefined when it cannot be read: too long, damaged, or an unknown coding
 */
export async function decodeBody(
  body: Uint8Array,
  encoding: string | undefined,
): Promise<Uint8Array | undefined> {
  const coding = encoding?.trim().toLowerCase() ?? 'identity'
  if (coding === 'identity' || coding === '') return body
  try {
    return await decoders[coding]?.(body)
  } catch {
    return undefined
  }
}

function bounded(decompress: typeof gunzip): (body: Uint8Array) => Promise<Uint8Array> {
  const run = promisify(decompress) as (
    body: Uint8Array,
    options: { maxOutputLength: number },
  ) => Promise<Buffer>
  return (body) => run(body, { maxOutputLength: readableBody })
}
