import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { EncryptJWT, jwtDecrypt } from 'jose'
import { cookieValues } from '../../lib/cookies.ts'
import { equalSecrets } from '../../lib/hash.ts'
import type { Visit } from './visit.ts'

/** Names with `__Host-`: no sibling host can plant one, and browsers hold to Secure and Path=/. */
const names = {
  session: '__Host-gatehouse-enroll',
  visit: '__Host-gatehouse-enroll-visit',
  oidc: '__Host-gatehouse-enroll-oidc',
  /** An account-driven enrollment waits for this sign-in. */
  account: '__Host-gatehouse-enroll-account',
} as const
export type EnrollmentCookie = keyof typeof names

/**
 * What pages remember in the browser: sealed, so that nobody reads or changes it, each kind good only as itself, and all
 * machines open what one has sealed.
 */
export class Cookies {
  readonly #sealing: KeyObject
  readonly #forms: Buffer

  /** @param secret at least 256 bits, base64url, the same for all processes of the installation */
  constructor(secret: string) {
    const material = Buffer.from(secret, 'base64url')
    const derive = (use: string) =>
      Buffer.from(hkdfSync('sha256', material, '', `gatehouse enrollment ${use}`, 32))
    this.#sealing = createSecretKey(derive('cookies'))
    this.#forms = derive('forms')
  }

  /** A Set-Cookie field. @param seconds how long it is good, in the browser and here */
  async set(
    kind: EnrollmentCookie,
    claims: Readonly<Record<string, unknown>>,
    { at, seconds }: { readonly at: number; readonly seconds: number },
  ): Promise<readonly [string, string]> {
    const issued = Math.floor(at / 1000)
    const value = await new EncryptJWT({ ...claims })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: kind })
      .setIssuedAt(issued)
      .setExpirationTime(issued + seconds)
      .encrypt(this.#sealing)
    return [
      'Set-Cookie',
      `${names[kind]}=${value}; Secure; HttpOnly; Path=/; SameSite=Lax; Max-Age=${seconds}`,
    ]
  }

  clear(kind: EnrollmentCookie): readonly [string, string] {
    return ['Set-Cookie', `${names[kind]}=; Secure; HttpOnly; Path=/; SameSite=Lax; Max-Age=0`]
  }

  /** @returns the claims; undefined when there is none that is ours, whole and of this kind, or there are two */
  async read(kind: EnrollmentCookie, visit: Visit): Promise<Readonly<Record<string, unknown>> | undefined> {
    const [value, second] = cookieValues(visit.cookies, names[kind])
    if (value === undefined || second !== undefined) return undefined
    try {
      const { payload } = await jwtDecrypt(value, this.#sealing, {
        typ: kind,
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        currentDate: new Date(visit.at),
        requiredClaims: ['exp'],
      })
      return payload
    } catch {
      return undefined
    }
  }

  /** What a form of this visitor carries, so that no other site can send it. */
  formToken(visitor: string): string {
    return createHmac('sha256', this.#forms).update(visitor).digest('base64url')
  }

  isFormToken(token: string, visitor: string): boolean {
    return equalSecrets(token, this.formToken(visitor))
  }
}

/** A name for a secret in logs and for counters, from which it cannot be had. */
export function shortHash(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 16)
}
