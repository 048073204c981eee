import { clientKey } from '../clients/client-key.ts'
import { setDeviceCookie } from '../clients/device-cookie.ts'
import type { ClientKey } from '../domain/client-identity.ts'
import type { Approvals } from '../store/ports.ts'
import type { Assessment } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import type { Outcome } from './outcome.ts'
import { sendRefusal } from './refuse.ts'

export interface ApprovalDependencies {
  readonly approvals: Pick<Approvals, 'request'>
  readonly pendingApprovals: number
  readonly newSecret: () => string
}

/**
 * Puts a device into the administrator's queue and tells its user. A browser gets a cookie to be recognised by when
 * it comes back; that cookie opens nothing by itself and is replaced at registration.
 */
export async function awaitApproval(
  assessment: Assessment,
  client: ClientSide,
  deps: ApprovalDependencies,
): Promise<Outcome> {
  const { route, request, identification, facts, decision } = assessment
  const { head } = request
  const { keys, setCookie } = waitingKeys(assessment, deps)
  const approval =
    keys.length === 0
      ? undefined
      : await deps.approvals.request(
          {
            service: route.service.name,
            device: identification.device,
            source: facts.source,
            rule: decision.rule ?? '',
            keys,
            at: head.receivedAt,
            ...(facts.user !== undefined && { user: facts.user }),
          },
          deps.pendingApprovals,
        )
  const reason =
    approval === undefined ? 'client.unidentified' : approval === 'full' ? 'limit.approvals' : decision.reason
  const headers = setCookie === undefined ? [] : [['Set-Cookie', setCookie] as const]
  return sendRefusal(reason, { head, client, assessment, headers })
}

function waitingKeys(
  { route, request, identification }: Assessment,
  { newSecret }: ApprovalDependencies,
): { readonly keys: readonly ClientKey[]; readonly setCookie?: string } {
  if (identification.keys.length > 0) return { keys: identification.keys }
  if (route.protocol.kind !== 'browser' || !(identification.navigation || identification.signIn))
    return { keys: [] }
  const secret = newSecret()
  return {
    keys: [clientKey(route.service.name, 'cookie', secret)],
    setCookie: setDeviceCookie(secret, request.head.scheme),
  }
}
