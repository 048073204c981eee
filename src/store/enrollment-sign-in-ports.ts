/** The part of the record that knows who has signed in to enroll a device. Secrets are hashes (`lib/hash.ts`) throughout. */

import type { Actor } from '../domain/actor.ts'
import type { DeviceAttributes, EnrollingUser } from '../domain/enrolling-user.ts'

/** One-time codes with which an administrator lets a user enroll. */
export interface EnrollmentCodes {
  /** @returns `full` when there are `mostEnrollmentCodes` */
  create(code: NewEnrollmentCode, by: Actor): Promise<'created' | 'full'>
  /** Newest first; used and ended ones too, for some weeks. */
  list(): Promise<readonly EnrollmentCode[]>
  /** Uses the code up. @returns undefined when there is no usable one with this hash */
  redeem(hash: string, at: number): Promise<EnrollmentCode | undefined>
  /** Revoking what has ended changes nothing. @returns undefined when there is none with this id */
  revoke(id: string, by: Actor): Promise<EnrollmentCode | undefined>
}

export const mostEnrollmentCodes = 10_000

export interface NewEnrollmentCode {
  readonly id: string
  readonly hash: string
  readonly user: EnrollingUser
  readonly expiresAt: number
}

export interface EnrollmentCode extends Omit<NewEnrollmentCode, 'hash'> {
  readonly createdAt: number
  readonly createdBy: string
  readonly usedAt?: number
  readonly revokedAt?: number
}

/**
 * What a sign-in may still do. `session`: it goes on in its browser, until somebody claims it to end it. `ota`: the challenge of a
 * profile service payload. `bearer`: the token of an account-driven enrollment. `handover`: a sign-in on one device that goes on
 * on another.
 */
export type PassKind = 'session' | 'ota' | 'bearer' | 'handover'

export interface EnrollmentPasses {
  add(pass: NewEnrollmentPass): Promise<void>
  /**
   * The pass belongs to this holder from now on. The same holder may claim it again until it expires, since devices repeat
   * a request whose answer was lost; for anybody else it is used up.
   * @param holder undefined: nobody may claim it again
   */
  claim(
    hash: string,
    claim: {
      readonly kind: PassKind
      readonly holder: string | undefined
      readonly attributes?: DeviceAttributes
      readonly at: number
    },
  ): Promise<EnrollmentPass | 'unknown' | 'expired' | 'taken'>
  get(id: string): Promise<EnrollmentPass | undefined>
  /** The pass of which an identity came that was had with this SCEP challenge (its hash). */
  ofChallenge(hash: string): Promise<EnrollmentPass | undefined>
  /** The last step, by one identity alone; repeating it is allowed to that identity until the pass expires. */
  finish(id: string, identity: string, at: number): Promise<EnrollmentPass | 'unknown' | 'expired' | 'taken'>
}

export interface NewEnrollmentPass {
  readonly id: string
  readonly kind: PassKind
  readonly hash: string
  /** Read again, its groups are those of this sign-in, and the rest is what the user's newest one told. */
  readonly user: EnrollingUser
  /** The address from which the user signed in. */
  readonly source: string
  readonly createdAt: number
  readonly expiresAt: number
  /** Hash of the SCEP challenge that whoever claims it gets. */
  readonly scepChallenge?: string
}

export interface EnrollmentPass extends Omit<NewEnrollmentPass, 'hash'> {
  readonly claimedAt?: number
  readonly claimedBy?: string
  /** What the device that claimed it said of itself. */
  readonly attributes?: DeviceAttributes
  readonly finishedAt?: number
  readonly finishedBy?: string
}
