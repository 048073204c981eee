import { StateUnavailable } from '../devices/device-states.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { Assessment } from './assess.ts'
import { ClientBodyError, type ClientSide } from './client-side.ts'
import type { Outcome } from './outcome.ts'
import { sendRefusal } from './refuse.ts'
import { RelayFailure } from './relay/relay.ts'

export interface FailDependencies {
  /** The cause goes to the log under the reference that the client gets. */
  readonly onFailure: (head: RequestHead, reason: ReasonCode, error: unknown) => void
}

export interface Failed {
  readonly head: RequestHead
  readonly client: ClientSide
  readonly assessment: Assessment | undefined
  readonly error: unknown
}

/** Every error on the way of an exchange ends here, in a refusal. */
export function fail({ head, client, assessment, error }: Failed, deps: FailDependencies): Outcome {
  const reason = reasonOf(error)
  if (reason !== 'client.aborted') deps.onFailure(head, reason, error)
  if (client.headSent || reason === 'client.aborted') {
    client.abort('failure')
    return { status: client.headSent ? 0 : 499, reason }
  }
  if (reason === 'connection.http1-required') {
    client.abort('http1-required')
    return { status: 421, reason }
  }
  return sendRefusal(reason, { head, client, assessment })
}

function reasonOf(error: unknown): ReasonCode {
  if (error instanceof RelayFailure || error instanceof ClientBodyError) return error.reason
  if (error instanceof StateUnavailable || error instanceof RecordUnavailable) return 'state.unavailable'
  return 'gateway.failure'
}
