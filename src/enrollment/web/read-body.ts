import type { IncomingMessage } from 'node:http'
import type { RefusalCode } from '../refusals.ts'

/** Why a body was not read to its end. */
export class BodyRefused extends Error {
  readonly refusal: RefusalCode

  constructor(refusal: RefusalCode, options?: ErrorOptions) {
    super(`the body is refused: ${refusal}`, options)
    this.name = 'BodyRefused'
    this.refusal = refusal
  }
}

/** Bytes, of all bodies that are held at a time: of everybody, and of one network. */
const memory = { total: 256 * 1024 * 1024, network: 64 * 1024 * 1024 }

/** What a piece costs beside its bytes: many tiny ones are not free. */
const pieceCost = 256

/** How much memory the bodies of requests take, from their first byte to the end of the answer. */
export class BodyMemory {
  readonly #most: typeof memory
  readonly #byNetwork = new Map<string, number>()
  #total = 0

  constructor(most: typeof memory = memory) {
    this.#most = most
  }

  /** @returns false when there is no room */
  take(network: string, bytes: number): boolean {
    const mine = (this.#byNetwork.get(network) ?? 0) + bytes
    if (mine > this.#most.network || this.#total + bytes > this.#most.total) return false
    this.#byNetwork.set(network, mine)
    this.#total += bytes
    return true
  }

  give(network: string, bytes: number): void {
    const mine = (this.#byNetwork.get(network) ?? 0) - bytes
    if (mine > 0) this.#byNetwork.set(network, mine)
    else this.#byNetwork.delete(network)
    this.#total -= bytes
  }
}

export interface BodyRules {
  /** Bytes. */
  readonly limit: number
  /** Room for so many bytes. @returns false when there is none */
  readonly take: (bytes: number) => boolean
  /** Milliseconds that may pass without a byte. */
  readonly silence: number
  readonly onSlow: () => void
}

/** @throws BodyRefused */
export async function readBody(request: IncomingMessage, rules: BodyRules): Promise<Buffer> {
  const { limit, take, silence, onSlow } = rules
  if (Number(request.headers['content-length']) > limit) throw new BodyRefused('request.too-large')
  const { socket } = request
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const pieces: Buffer[] = []
  let length = 0
  const onTimeout = () => {
    onSlow()
    socket.destroy()
    reject(new BodyRefused('request.malformed'))
  }
  const onData = (piece: Buffer) => {
    length += piece.length
    if (length > limit) return reject(new BodyRefused('request.too-large'))
    if (!take(piece.length + pieceCost)) return reject(new BodyRefused('service.busy'))
    pieces.push(piece)
  }
  const onEnd = () => resolve(Buffer.concat(pieces, length))
  const onError = (cause: unknown) => reject(new BodyRefused('request.malformed', { cause }))
  socket.setTimeout(silence)
  request.on('timeout', onTimeout).on('data', onData).on('end', onEnd).on('error', onError)
  try {
    return await promise
  } finally {
    socket.setTimeout(0)
    request.off('timeout', onTimeout).off('data', onData).off('end', onEnd)
  }
}
