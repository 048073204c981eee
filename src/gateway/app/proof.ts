import type { ClientRequest } from '../../clients/protocol.ts'
import { sameUser } from '../../clients/user-name.ts'
import type { AppDevice, BindingTicket } from '../../domain/app-device.ts'
import type { Identification } from '../../domain/client-identity.ts'
import type { Decision } from '../../domain/decision.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import type { DeviceState } from '../../domain/registration.ts'
import type { Route } from '../routing.ts'
import type { CompanyApp } from './company-app.ts'
import { createOwnKeyReader, type OwnKeyReader, type ProvenKey } from './own-key.ts'
import { type AskedOf, type ShownTicket, shownTicket } from './ticket.ts'

/** The company app's device that speaks for a client: by a key of its own, or by a link. */
export interface AppProof {
  readonly device: AppDevice
  readonly ticket?: BindingTicket
}

export interface AppReaders {
  readonly ownKey: OwnKeyReader
  readonly ticket: (asked: AskedOf) => Promise<ShownTicket | undefined>
}

export function createAppReaders(app: CompanyApp): AppReaders {
  return { ownKey: createOwnKeyReader(app), ticket: (asked) => shownTicket(asked, app) }
}

/** The one thing that is looked at on every request. */
export function isSigned({ head }: ClientRequest): boolean {
  return head.fields.has('signature-input')
}

/** The key comes first: it proves itself on each request, as a certificate does. */
export function withOwnKey(
  identification: Identification,
  signed: ProvenKey | { readonly problem: ReasonCode } | undefined,
): Identification {
  if (signed === undefined) return identification
  if ('problem' in signed) return { ...identification, refuse: identification.refuse ?? signed.problem }
  const { user } = identification
  const mismatch = user !== undefined && !sameUser(user, signed.device.user)
  return {
    ...identification,
    keys: [signed.key, ...identification.keys],
    ...(mismatch && { refuse: identification.refuse ?? 'app.other-user' }),
  }
}

interface Assessed extends AskedOf {
  readonly state: DeviceState | undefined
  readonly decision: Decision
  readonly app?: AppProof | undefined
  readonly route: Route
}

/** Clients that are registered, public paths and requests that are refused as such need nobody to speak for them. */
export function mayUseApp({
  state,
  decision,
  identification,
  facts,
}: Assessed & { readonly facts: { readonly publicPath: boolean } }): boolean {
  return (
    state === undefined &&
    !facts.publicPath &&
    identification.refuse === undefined &&
    decision.verdict !== 'forward'
  )
}

/** The app's own key speaks for itself; a client without one may come by a link. */
export async function proofOf(
  assessed: Assessed,
  { ticket }: AppReaders,
): Promise<AppProof | { readonly problem: ReasonCode } | undefined> {
  if (assessed.app !== undefined) return assessed.app
  const shown = await ticket(assessed)
  if (shown === undefined || 'problem' in shown) return shown
  return { device: shown.ticket.device, ticket: shown.ticket }
}
