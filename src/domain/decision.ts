import type { Platform } from './client-identity.ts'
import type { EvidenceKind } from './evidence.ts'
import type { TokenStanding } from './mdm-token.ts'
import type { ReasonCode } from './reason.ts'
import type { ClientKind } from './service.ts'

/**
 * Everything about a request that a policy may look at, beside the device's state and the time. Plain data without
 * secrets: it is stored with a refusal so that `gatehouse explain` can run the same decision again.
 */
export interface RequestFacts {
  readonly service: string
  readonly client: ClientKind
  readonly mode: 'enforce' | 'monitor'
  readonly method: string
  /** Canonical. */
  readonly path: string
  /**
   * The path with every escape decoded, and without parameters where the service allows them; set when it differs. It
   * is what upstreams see: `/wiki/Special%3AExport` is `/wiki/Special:Export` to them.
   */
  readonly decodedPath?: string | undefined
  /** The service lists the path as public. */
  readonly publicPath: boolean
  readonly signIn: boolean
  /** The true source address. */
  readonly source: string
  /** Networks (by their policy names) that a visit to the VPN address has just proven for this browser. */
  readonly vouchedNetworks: readonly string[]
  readonly user?: string | undefined
  readonly groups: readonly string[]
  readonly platform?: Platform | undefined
  readonly model?: string | undefined
  readonly osVersion?: string | undefined
  /** What speaks for this client now, beside its network. */
  readonly evidence: readonly Exclude<EvidenceKind, 'network'>[]
  /**
   * The MDM token behind this client: shown in this request, or remembered of it. `too-many`: it was not looked at, for
   * too many wrong ones came from the address. Undefined: there is none.
   */
  readonly mdmToken?: TokenStanding | 'too-many' | undefined
  /** An administrator let the service through for a while (`gatehouse bypass`). */
  readonly bypassUntil?: number | undefined
  /** For each MDM connection when its last complete sweep began: its devices were what they are as late as then. */
  readonly vendorSeen?: Readonly<Record<string, number>> | undefined
}

export type Verdict = 'forward' | 'register' | 'redirect' | 'refuse' | 'await-approval'

interface DecisionBase {
  readonly reason: ReasonCode
  /** The policy rule that made it; undefined when no rule did (nothing matched, a manual block, a public path). */
  readonly rule?: string
  /** The rule's own words on what the user should do. */
  readonly help?: string
  /** Set when it is recorded but not acted on (`mode: monitor`): the exchange is forwarded. */
  readonly monitored?: true
  /** The first rule in `mode: monitor` that would have decided, and how; it was passed over. */
  readonly wouldHave?: { readonly rule: string; readonly verdict: Verdict }
}

export type Decision =
  | (DecisionBase & { readonly verdict: 'forward' })
  | (DecisionBase & {
      /** Forward, watch for the sign-in's success, and register then. */
      readonly verdict: 'register'
      readonly evidence: readonly EvidenceKind[]
      readonly networks: readonly string[]
      readonly rule: string
    })
  | (DecisionBase & { readonly verdict: 'redirect'; readonly location: string })
  | (DecisionBase & { readonly verdict: 'refuse' })
  | (DecisionBase & { readonly verdict: 'await-approval' })

/** One step of an explanation: a rule that was looked at, and why it matched or not. */
export interface RuleTrace {
  readonly list: 'registration' | 'access'
  readonly rule: string
  readonly matched: boolean
  /** For each condition that was evaluated: its text in the policy, what the request had, whether it held. */
  readonly conditions: readonly ConditionTrace[]
  /** Why a matching rule was passed over: not in force before its `from:` date, or only monitored. */
  readonly note?: string
}

export interface ConditionTrace {
  readonly condition: string
  readonly wanted: string
  readonly found: string
  readonly held: boolean
}

export interface Explanation {
  readonly decision: Decision
  readonly networks: readonly string[]
  readonly trace: readonly RuleTrace[]
}
