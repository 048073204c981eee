/** The part of the record that knows how far the renewal of each device's identity is. */
import type { IssuedCertificate } from '../domain/issued-certificate.ts'

export interface Renewals {
  /** Enrolled devices, not their channels, whose identity holds and ends by then, in the order of their ids, after `after`. */
  ending(query: {
    readonly before: number
    readonly after?: string
    readonly limit: number
  }): Promise<readonly EndingIdentity[]>
  get(enrollment: string): Promise<Renewal | undefined>
  /** In the order of the enrollments' ids, after `after`. */
  list(query: { readonly after?: string; readonly limit: number }): Promise<readonly Renewal[]>
  /** Adds or replaces. The first failure of an identity is audited. */
  put(renewal: Renewal): Promise<void>
  forget(enrollment: string): Promise<void>
  countFailed(): Promise<number>
}

export interface EndingIdentity {
  readonly enrollment: string
  readonly identity: IssuedCertificate
}

/** What was done last to have a device renew its identity. It is forgotten when the device has done so. */
export interface Renewal {
  readonly enrollment: string
  /** Of the certificate that ends. */
  readonly serial: string
  /** `sent`: in the device's queue, or just carried out. `failed`: tried again at `dueAt`. */
  readonly state: 'sent' | 'failed'
  /** UUID of the command. */
  readonly command?: string
  /** How often in a row it has failed. */
  readonly attempts: number
  readonly at: number
  readonly dueAt?: number
  /** For people. */
  readonly error?: string
}
