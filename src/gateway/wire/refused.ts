import type { ReasonCode } from '../../domain/reason.ts'

/** What a parser of this folder gives for input that two programs could read in two ways. */
export interface Refused {
  readonly refused: ReasonCode
  /** For the log: which rule, and never the client's own bytes beyond a name. */
  readonly detail: string
}

export function refuse(refused: ReasonCode, detail: string): Refused {
  return { refused, detail }
}

export function isRefused(value: unknown): value is Refused {
  return typeof value === 'object' && value !== null && 'refused' in value
}
