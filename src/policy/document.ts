import type { PostureState } from '../domain/posture.ts'
import type { ConditionName } from './condition.ts'

/** `policy.yaml` once its shape and its references are checked; values as written, compiled by `compile.ts`. */
export interface PolicyDocument {
  readonly file: string
  /** SHA-256 of the text, base64url. */
  readonly digest: string
  /** Name → CIDRs. */
  readonly networks: Readonly<Record<string, readonly string[]>>
  /** Name → users, which may be patterns with `*`. */
  readonly groups: Readonly<Record<string, readonly string[]>>
  readonly registration: readonly Rule[]
  readonly access: readonly Rule[]
  readonly limits: {
    readonly clientsPerUser: number
    readonly staleFor: string
    readonly vendorStale: 'keep' | 'refuse'
    readonly vendorStaleAfter: string
  }
  readonly tests: readonly PolicyTest[]
}

export interface Rule {
  readonly name: string
  /** Undefined: always. */
  readonly when?: When | undefined
  readonly then: Then
  readonly from?: string | undefined
  readonly until?: string | undefined
  readonly mode: 'enforce' | 'monitor'
  readonly help?: string | undefined
}

export type Then = 'allow' | 'approve' | { readonly redirect: string } | { readonly refuse: string }

/** Several keys mean all of them. The values are checked by the schemas of their conditions. */
export type When = { readonly [Name in ConditionName]?: unknown } & {
  readonly not?: When | undefined
  readonly any?: readonly When[] | undefined
  readonly all?: readonly When[] | undefined
}

export interface PolicyTest {
  readonly name: string
  readonly given: Given
  readonly expect: Expectation
}

/** What a test says of the request and of the device. What it leaves out has the defaults of `run-tests.ts`. */
export interface Given {
  readonly registered: boolean
  readonly from: string
  readonly service?: string | undefined
  readonly client?: string | undefined
  readonly path?: string | undefined
  readonly method?: string | undefined
  readonly signIn?: boolean | undefined
  readonly user?: string | undefined
  readonly groups?: readonly string[] | undefined
  readonly platform?: string | undefined
  readonly model?: string | undefined
  readonly osVersion?: string | undefined
  readonly evidence?: string | readonly string[] | undefined
  readonly mdmToken?: 'active' | 'inactive' | 'unknown' | 'missing' | undefined
  readonly binding?: string | undefined
  readonly registeredBy?: string | readonly string[] | undefined
  readonly registeredAgo?: string | undefined
  readonly posture?: PostureState | undefined
  readonly vendor?: string | undefined
  readonly match?: string | undefined
  readonly vendorSeenAgo?: string | undefined
  readonly blocked?: boolean | undefined
  readonly publicPath?: boolean | undefined
  /** The date at which the test takes place; by default the time of the run. */
  readonly at?: string | undefined
}

export type Expectation =
  | string
  | { readonly verdict: string; readonly rule?: string | undefined; readonly reason?: string | undefined }
