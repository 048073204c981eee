/** The part of the record that holds our certificate authorities and what they have issued and revoked. */
import type { Actor } from '../domain/actor.ts'
import type {
  CertificateAuthority,
  CertificatePurpose,
  IssuedCertificate,
  RevocationReason,
  ScepChallenge,
} from '../domain/issued-certificate.ts'

/** A new authority, and with it what the gateways trust, is announced as `certificate`. */
export interface Authorities {
  /** The one that issues first, then those before it, newest first. */
  list(): Promise<readonly CertificateAuthority[]>
  /** The one that issues, and those of which a device's certificate has not ended yet. */
  trusted(now: number): Promise<readonly CertificateAuthority[]>
  /**
   * It issues from now on, in place of `replaces`.
   * @returns false when another one than `replaces` issues
   */
  add(authority: CertificateAuthority, replaces: string | undefined, by: Actor): Promise<boolean>
  /** The number of its next revocation list. */
  nextCrlNumber(id: string): Promise<number>
}

/** Certificates that our authorities have issued. A revocation is audited, and announced as `certificate`. */
export interface Certificates {
  /**
   * Stores what has been signed, and uses up its challenge in the same transaction: only then may the device get it. When
   * this key has used the challenge already, the outcome holds the certificate that it got then.
   */
  issue(certificate: IssuedCertificate, by: Omit<Actor, 'why'>): Promise<IssueOutcome>
  bySerial(serial: string): Promise<IssuedCertificate | undefined>
  byFingerprint(fingerprint: string): Promise<IssuedCertificate | undefined>
  /** Newest first. */
  byPublicKey(publicKey: string): Promise<readonly IssuedCertificate[]>
  ofEnrollment(enrollment: string): Promise<readonly IssuedCertificate[]>
  /**
   * Those that came with managed profiles, by enrollment; who has none is missing. Of a SCEP server behind, each that a key has
   * asked for, good for as long as the device's own identity.
   */
  ofProfiles(enrollments: readonly string[]): Promise<ReadonlyMap<string, readonly ProfileCertificate[]>>
  /** Newest first; `after` is the serial of the last one of the page before. */
  list(query: CertificateQuery): Promise<readonly IssuedCertificate[]>
  /** Revoking what is revoked changes nothing. @returns it as it is now */
  revoke(serial: string, reason: RevocationReason, by: Actor): Promise<IssuedCertificate | undefined>
  /** The certificate with those that it renews and those that renew it, oldest first. */
  line(serial: string): Promise<readonly IssuedCertificate[]>
  /**
   * The certificate with those that it renews and those that renew it: each of them opens what the others open.
   * @returns those that held until now, oldest first; undefined when there is no such certificate
   */
  revokeLine(
    serial: string,
    reason: RevocationReason,
    by: Actor,
  ): Promise<readonly IssuedCertificate[] | undefined>
  /**
   * Identities that were fetched, and with which no device has enrolled. Those of enrolled devices are left alone: also what came with
   * managed profiles. Call again while it returns `atMost`.
   */
  revokeUnused(issued: IdentitiesIssued, by: Actor): Promise<readonly IssuedCertificate[]>
  /** All certificates of an enrollment, and the challenges that it has not used. @returns those that held until now */
  revokeEnrollment(
    enrollment: string,
    reason: RevocationReason,
    by: Actor,
  ): Promise<readonly IssuedCertificate[]>
  /** Serials of all revoked certificates that have not ended. */
  revokedSerials(now: number): Promise<readonly string[]>
  /** The same of one authority, for its revocation list, in the order of their serials. */
  revokedBy(authority: string, now: number): Promise<readonly IssuedCertificate[]>
}

/** What a profile's renewal goes by. */
export type ProfileCertificate = Pick<
  IssuedCertificate,
  | 'serial'
  | 'authority'
  | 'enrollment'
  | 'profile'
  | 'predecessor'
  | 'notBefore'
  | 'notAfter'
  | 'issuedAt'
  | 'revoked'
>

/** By when they were issued, milliseconds since the epoch: later than `after`, and `before` at the latest. */
export interface IdentitiesIssued {
  readonly after: number
  readonly before: number
  readonly atMost: number
}

export interface CertificateQuery {
  readonly after?: string
  readonly limit: number
  readonly purpose?: CertificatePurpose
  /** As the certificate has it. */
  readonly user?: string
  /** Those that name this enrollment, and those of the name of an identity that it has shown. */
  readonly enrollment?: string
  /** Only those that have ended by then. */
  readonly endingBefore?: number
}

export type IssueOutcome =
  | { readonly outcome: 'issued'; readonly certificate: IssuedCertificate }
  /** There is no such challenge, or it has expired. */
  | { readonly outcome: 'challenge-unknown' }
  /** By another key. */
  | { readonly outcome: 'challenge-used' }
  /** The certificate that it renews, or that it would get again, was revoked in the meantime. */
  | { readonly outcome: 'revoked' }
  /** The device has asked for `mostOwnRenewals` that are all still good. */
  | { readonly outcome: 'too-many' }

/**
 * What one enrollment may have renewed by itself, without a challenge of ours, and good at a time. Each renews what the former one
 * does: without an end to them, a device could have so many that revoking them takes longer than a write may.
 */
export const mostOwnRenewals = 20

/**
 * Keys that asked a SCEP server behind for a certificate with a challenge of ours: whose they are. The certificate that comes
 * of it goes past us encrypted. A key's end is announced as `certificate`, by its `proxiedSerial`.
 */
export interface ProxiedKeys {
  /** Uses the challenge up for this key, which its holder has proved. The same key may ask again. */
  bind(key: {
    readonly publicKey: string
    readonly challenge: string
    readonly at: number
  }): Promise<KeyBinding>
  find(publicKey: string): Promise<ProxiedKey | undefined>
  /** Takes down the certificate of a bound key, when its device shows it for the first time: it is one of `Certificates` from then on. */
  learn(certificate: IssuedCertificate, by: Omit<Actor, 'why'>): Promise<void>
}

/** `key-taken`: the key is another enrollment’s. `ended`: its enrollment has ended. */
export type KeyBinding = 'bound' | 'challenge-unknown' | 'challenge-used' | 'key-taken' | 'ended'

export interface ProxiedKey {
  readonly publicKey: string
  readonly enrollment: string
  readonly user?: string
  /** Hash of the challenge. */
  readonly challenge: string
  readonly endedAt?: number
}

export interface ScepChallenges {
  add(challenge: Omit<ScepChallenge, 'usedBy'>): Promise<void>
  find(hash: string): Promise<ScepChallenge | undefined>
}
