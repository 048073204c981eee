/**
 * The SCEP server (RFC 8894): how devices get and renew their certificate. `http.ts` takes requests apart, `message.ts` reads
 * the signed and encrypted message, `enroll.ts` decides, `reply.ts` answers. Nothing that a request says of its certificate
 * counts but the key: subject, lifetime and use come from the record of the challenge, or of the certificate that is renewed.
 */

import type { ScepSettings } from '../../settings/build-ca.ts'
import type { Counters } from '../../shared-state/ports.ts'
import type { Store } from '../../store/ports.ts'
import type { CertificateService } from '../ca/certificate-service.ts'

export interface ScepDependencies {
  readonly service: CertificateService
  readonly store: Pick<Store, 'certificates' | 'scepChallenges'>
  readonly settings: Pick<ScepSettings, 'legacy' | 'attempts' | 'requests'>
  /** Milliseconds for which an expired certificate can still be renewed. */
  readonly renewalGrace: number
  readonly counters: Counters
  readonly now: () => number
  /** Each message that was decided. */
  readonly onDecided?: (decided: ScepDecided) => void
}

export interface ScepDecided {
  readonly source: string
  readonly transaction: string
  readonly outcome: 'issued' | 'renewed' | 'repeated' | 'refused'
  readonly serial?: string
  readonly enrollment?: string
  /** For the log. */
  readonly detail?: string
}

/** A request as any HTTP engine gives it. */
export interface ScepRequest {
  readonly method: string
  /** As it was sent, without the question mark. */
  readonly query: string
  readonly body: Buffer
  /** The client's address. */
  readonly source: string
}

export interface ScepAnswer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

export type ScepHandler = (request: ScepRequest) => Promise<ScepAnswer>

/** A message has no business being larger: a request with RSA-4096 has 4 KiB. */
export const mostBytes = 64 * 1024

/** failInfo of RFC 8894 (3.2.1.4.4). */
export const failInfos = { badAlg: 0, badMessageCheck: 1, badRequest: 2, badTime: 3, badCertId: 4 } as const
export type FailInfo = keyof typeof failInfos

/** A readable request that is refused: the answer says so in SCEP's own terms. */
export class ScepFailure extends Error {
  readonly failInfo: FailInfo

  constructor(failInfo: FailInfo, message: string) {
    super(message)
    this.name = 'ScepFailure'
    this.failInfo = failInfo
  }
}

/** What cannot be read, verified or decrypted; always the same answer. */
export class ScepUnreadable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ScepUnreadable'
  }
}
