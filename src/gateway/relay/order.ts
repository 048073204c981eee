import type { UpstreamAnswer } from '../../clients/protocol.ts'
import type { Answer } from '../../domain/answer.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import type { Service } from '../../domain/service.ts'
import type { ClientSide } from '../client-side.ts'

/** What is to be forwarded, and what the gateway wants to know of the answer before the client gets it. */
export interface ForwardOrder {
  readonly service: Service
  readonly head: RequestHead
  readonly client: ClientSide
  /** Identity fields of ours and whatever else the gateway adds: name, value, name, value. */
  readonly addFields: readonly string[]
  /** The body when it has been read already; forwarded unchanged. */
  readonly body?: Uint8Array | undefined
  /** Asked first, with the head alone: must the body be read (at most 64 KiB)? */
  readonly readsAnswer?: ((answer: UpstreamAnswer) => boolean) | undefined
  /**
   * Called once, with the final answer, before the client sees any of it (interim answers pass by themselves; 101
   * ends a handshake and is final). Undefined: pass it on. When it throws, the client gets nothing and `forward`
   * rejects with what was thrown.
   */
  readonly onAnswer?:
    | ((answer: UpstreamAnswer) => AnswerVerdict | undefined | Promise<AnswerVerdict | undefined>)
    | undefined
}

export type AnswerVerdict =
  | { readonly addHeaders: readonly string[] }
  /** The client gets this instead; the upstream's answer is discarded. */
  | { readonly replace: Answer }

export interface RelayOutcome {
  /** What the client was answered; 499 or 403 when it was gone or cut off before that. */
  readonly status: number
  /** Origin of the upstream that it went to last. */
  readonly upstream?: string | undefined
  readonly retries: number
  /** Milliseconds since the order: a new connection was open, the answer's head was there, everything was over. */
  readonly timings: {
    readonly connect: number | undefined
    readonly firstByte: number | undefined
    readonly total: number
  }
  readonly ended: RelayEnd
  readonly replaced: boolean
  readonly upgraded: boolean
  /** Who ended the tunnel of an upgraded connection. */
  readonly closedBy: TunnelEnd | undefined
}

export type RelayEnd =
  | 'completed'
  | 'client.aborted'
  | 'upstream.aborted'
  | 'upstream.invalid'
  | 'upstream.timeout'
  | 'cut-off'

export type TunnelEnd = 'client' | 'upstream' | 'idle' | 'cut-off'
