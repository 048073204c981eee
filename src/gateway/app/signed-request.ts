import type { ReasonCode } from '../../domain/reason.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import { sha256 } from '../../lib/hash.ts'
import { type SignatureFault, SignatureProblem } from '../../lib/http-signatures/problem.ts'
import type { MessageSignature } from '../../lib/http-signatures/signature.ts'
import type { HttpMessage } from '../../lib/http-signatures/signature-base.ts'
import type { NonceStore } from '../../shared-state/ports.ts'
import { SharedStateUnavailable } from '../../shared-state/ports.ts'
import { AppRefused } from './refused.ts'

/** What first contacts and later requests of the app have in common: coverage, time, replay. */

/** The request as signatures see it. */
export function asMessage(head: RequestHead): HttpMessage {
  const { method, scheme, authority, target, fields } = head
  return { method, scheme, authority, target, field: (name) => fields.all(name) }
}

const faults: Record<SignatureFault, ReasonCode> = {
  malformed: 'app.signature-malformed',
  component: 'app.signature-malformed',
  algorithm: 'app.algorithm',
  key: 'app.signature-malformed',
}

/** Runs a check; what it finds wrong with a signature becomes a refusal. */
export function checking<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (error instanceof SignatureProblem) throw new AppRefused(faults[error.fault], error.message)
    throw error
  }
}

/** What a signature leaves out, anybody may change. */
export function checkCoverage({ components }: MessageSignature, withBody: boolean): void {
  const covers = (...names: readonly string[]) => names.every((name) => components.includes(name))
  const target = covers('@target-uri') || covers('@authority', '@path', '@query')
  if (!covers('@method') || !target || (withBody && !covers('content-digest')))
    throw new AppRefused(
      'app.signature-malformed',
      withBody
        ? 'the signature must cover "@method", "@target-uri" and "content-digest"'
        : 'the signature must cover "@method" and "@target-uri"',
    )
}

export interface ReplayRules {
  /** Milliseconds. */
  readonly window: number
  readonly clockSkew: number
}

export interface Freshness {
  readonly created: number
  readonly expires: number
  readonly nonce: string
  readonly keyid: string
}

/** 128 random bits at least, in the characters of base64 and its kin. */
const nonceForm = /^[A-Za-z0-9+/=_.-]{22,128}$/

/** The parameters that a signature must have here. */
export function freshnessOf({ parameters }: MessageSignature): Freshness {
  const { created, expires, nonce, keyid } = parameters
  if (created === undefined || expires === undefined || nonce === undefined || keyid === undefined)
    throw new AppRefused('app.signature-malformed', 'created, expires, nonce and keyid are needed')
  if (!nonceForm.test(nonce))
    throw new AppRefused('app.signature-malformed', 'the nonce must have 22 to 128 characters of base64url')
  return { created, expires, nonce, keyid }
}

export function checkTimes(
  { created, expires }: Freshness,
  { window, clockSkew }: ReplayRules,
  now: number,
): void {
  const [from, until] = [created * 1000, expires * 1000]
  const fits = until > from && until - from <= window
  if (!fits || from > now + clockSkew || until <= now - clockSkew) throw new AppRefused('app.stale')
}

/**
 * Claims the nonce for as long as any request with it could pass the check of its times. Only after the signature has been
 * verified: who has no key cannot fill the store.
 */
export async function claimNonce(
  { nonce, keyid, created }: Freshness,
  { nonces, settings: { window, clockSkew }, now }: NonceClaims,
): Promise<void> {
  const key = `app:${sha256(`${keyid}\0${nonce}`)}`
  // `created` is in whole seconds: it was made at their end at the latest.
  const age = now() - (created * 1000 + 999)
  const first = await claimed(nonces.claim(key, window + 2 * clockSkew + 1000, age))
  if (!first) throw new AppRefused('app.replayed')
}

interface NonceClaims {
  readonly nonces: NonceStore
  readonly settings: ReplayRules
  readonly now: () => number
}

async function claimed(claim: Promise<boolean>): Promise<boolean> {
  try {
    return await claim
  } catch (error) {
    if (error instanceof SharedStateUnavailable) throw new AppRefused('app.nonces-unavailable')
    throw error
  }
}
