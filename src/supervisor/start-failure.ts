import type { Problem } from '../lib/yaml-document.ts'

/** Why a process could not start, as plain values. */
export interface StartFailure {
  /** The class, such as `PolicyRejected`: whoever reports it knows which ones mean what. */
  readonly name: string
  readonly message: string
  /** With where it was thrown: for failures that nobody foresaw. */
  readonly stack?: string
  readonly problems?: readonly Problem[]
  /** Of the operating system or the record, and the address that could not be listened on. */
  readonly code?: string
  readonly syscall?: string
  readonly address?: string
  readonly port?: number
}

/** A worker could not start; what it has thrown, as far as it can travel. */
export class WorkerFailed extends Error {
  readonly failure: StartFailure

  constructor(failure: StartFailure) {
    super(failure.message)
    this.name = failure.name
    this.failure = failure
    if (failure.stack !== undefined) this.stack = failure.stack
  }
}

export function describeFailure(error: unknown): StartFailure {
  if (error instanceof WorkerFailed) return error.failure
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  // What errors of Node and our own carry beside these.
  const { problems, code, syscall, address, port } = error as Partial<StartFailure>
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(problems !== undefined && { problems }),
    ...(code !== undefined && { code }),
    ...(syscall !== undefined && { syscall }),
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
  }
}
