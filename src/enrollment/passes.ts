import { createHmac } from 'node:crypto'
import type { DeviceAttributes, EnrollingUser } from '../domain/enrolling-user.ts'
import { sha256 } from '../lib/hash.ts'
import type { Random } from '../lib/random.ts'
import type { ScepChallenges } from '../store/certificate-ports.ts'
import type {
  EnrollmentPass,
  EnrollmentPasses,
  PassKind as RecordedKind,
} from '../store/enrollment-sign-in-ports.ts'
import { EnrollmentRefused } from './refusals.ts'

type PassKind = Exclude<RecordedKind, 'session'>

export interface PassDependencies {
  readonly passes: EnrollmentPasses
  readonly challenges: ScepChallenges
  readonly random: Random
  /** 256 bits, base64url, of the installation. */
  readonly secret: string
  /** Milliseconds. */
  readonly challengeLife: number
}

/** Milliseconds: to find the phone and to point it at the screen. */
const handoverLife = 10 * 60 * 1000
/** Seconds from the sign-in in the device's own window to the request that follows it. */
const bearerLife = 10 * 60 * 1000

const lives: Readonly<Record<Exclude<PassKind, 'ota'>, number>> = {
  handover: handoverLife,
  bearer: bearerLife,
}

/**
 * What a sign-in may still do, each once: the secrets are shown to one device, and the record holds their hashes. SCEP
 * challenges are derived from the pass, so that a device whose answer was lost gets the same one again and not a second.
 */
export class Passes {
  readonly #deps: PassDependencies
  readonly #key: Buffer

  constructor(deps: PassDependencies) {
    this.#deps = deps
    this.#key = Buffer.from(deps.secret, 'base64url')
  }

  /** @returns the secret: a challenge, a bearer token, or what stands in a link */
  async give(
    kind: PassKind,
    to: { readonly user: EnrollingUser; readonly source: string; readonly at: number },
  ) {
    const { passes, random, challengeLife } = this.#deps
    const { user, source, at } = to
    const id = `p_${random.id()}`
    const secret = random.secret()
    await passes.add({
      id,
      kind,
      hash: hashOf(kind, secret),
      user,
      source,
      createdAt: at,
      expiresAt: at + (kind === 'ota' ? challengeLife : lives[kind]),
      scepChallenge: sha256(this.#challenge('first', id)),
    })
    return { id, secret }
  }

  /** @param holder undefined: once and never again @throws EnrollmentRefused */
  async claim(
    kind: PassKind,
    secret: string,
    claim: { readonly holder?: string; readonly attributes?: DeviceAttributes; readonly at: number },
  ): Promise<EnrollmentPass> {
    const { holder, attributes, at } = claim
    const pass = await this.#deps.passes.claim(hashOf(kind, secret), {
      kind,
      holder: holder === undefined ? undefined : sha256(holder),
      at,
      ...(attributes && { attributes }),
    })
    return usable(pass, kind)
  }

  /** The pass behind an identity of ours. */
  ofChallenge(hash: string): Promise<EnrollmentPass | undefined> {
    return this.#deps.passes.ofChallenge(hash)
  }

  /** @param identity fingerprint of the certificate @throws EnrollmentRefused */
  async finish({ id, kind }: EnrollmentPass, identity: string, at: number): Promise<EnrollmentPass> {
    return usable(await this.#deps.passes.finish(id, identity, at), kind)
  }

  /**
   * The one-time password with which the device of this pass gets a certificate. It is the same when it is asked for again.
   * @param which the identity that proves the device within an over-the-air enrollment, or the one that it is managed with
   * @param enrollment the name that the certificate will have
   */
  async scepChallenge(
    { id, user }: Pick<EnrollmentPass, 'id' | 'user'>,
    {
      which,
      enrollment,
      at,
      managedAppleId,
      accessRights,
    }: {
      readonly which: 'first' | 'final'
      readonly enrollment: string
      readonly at: number
      /** That the profile with this challenge asks for. */
      readonly accessRights?: number
      /** That the profile names; its renewals name it as well. */
      readonly managedAppleId?: string
    },
  ): Promise<string> {
    const { challenges, challengeLife } = this.#deps
    const challenge = this.#challenge(which, id)
    const hash = sha256(challenge)
    if ((await challenges.find(hash)) === undefined)
      await challenges.add({
        hash,
        enrollment,
        user: user.name.toLowerCase(),
        createdAt: at,
        expiresAt: at + challengeLife,
        ...(managedAppleId !== undefined && { managedAppleId }),
        ...(accessRights !== undefined && { accessRights }),
      })
    return challenge
  }

  #challenge(which: string, id: string): string {
    return createHmac('sha256', this.#key).update(`scep challenge ${which} ${id}`).digest('base64url')
  }
}

/** Of one kind a secret is nothing as another. */
function hashOf(kind: PassKind, secret: string): string {
  return sha256(`${kind} ${secret}`)
}

type Claimed = EnrollmentPass | 'unknown' | 'expired' | 'taken'

function usable(pass: Claimed, kind: RecordedKind): EnrollmentPass {
  if (typeof pass !== 'string') return pass
  if (kind === 'handover') throw new EnrollmentRefused('sign-in.link-used')
  if (pass === 'expired') throw new EnrollmentRefused('challenge.expired')
  throw new EnrollmentRefused(pass === 'taken' ? 'challenge.used' : 'challenge.unknown')
}
