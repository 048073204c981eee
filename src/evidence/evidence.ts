/**
 * Evidence: what speaks for a device that wants to register. One file a kind behind one interface; `table.ts` lists them. The
 * source network is not among them: the policy names the networks, so it judges them itself.
 */
import type { EvidenceKind } from '../domain/evidence.ts'
import type { TokenStanding } from '../domain/mdm-token.ts'
import type { ClientCertificate } from '../domain/request-head.ts'

export type CollectedKind = Exclude<EvidenceKind, 'network'>

/** What the exchange has shown. */
export interface Shown {
  readonly certificate?: ClientCertificate
  /** The standing of the MDM token that stands behind the client. */
  readonly mdmToken?: TokenStanding
  /** What the company app says of this client; `other-user`: it speaks for somebody else. */
  readonly app?: 'proved' | 'other-user'
  readonly user?: string
  /** An administrator's answer for this client, and the user that it was given for, where one was known. */
  readonly approval?: { readonly status: 'waiting' | 'granted' | 'denied'; readonly user?: string }
}

export interface Evidence {
  readonly kind: CollectedKind
  speaksFor(shown: Shown): boolean
}
