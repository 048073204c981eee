import type { Identification } from '../domain/client-identity.ts'
import type { ReasonCode } from '../domain/reason.ts'
import { MalformedInput } from '../lib/malformed-input.ts'

/** Thrown while a request is read, when it must not go on whatever the policy says. Never leaves a protocol. */
export class RequestRefused extends Error {
  readonly reason: ReasonCode

  constructor(reason: ReasonCode) {
    super(reason)
    this.name = 'RequestRefused'
    this.reason = reason
  }
}

/** What is left of an identification when reading the request threw. @throws what is not the client's doing */
export function identifiedAsRefused(error: unknown): Identification {
  return { keys: [], device: {}, signIn: false, navigation: false, refuse: reasonOf(error) }
}

function reasonOf(error: unknown): ReasonCode {
  if (error instanceof RequestRefused) return error.reason
  if (error instanceof MalformedInput) return 'http.malformed'
  throw error
}
