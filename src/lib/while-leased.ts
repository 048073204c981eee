import { setTimeout as delay } from 'node:timers/promises'

/** The part of the record's `Leases` that this needs. */
export interface LeaseSource {
  hold(name: string, holder: string, ttlMs: number): Promise<number | undefined>
  release(name: string, holder: string): Promise<void>
}

export interface LeasedWork {
  readonly leases: LeaseSource
  readonly name: string
  /** Different for each process. */
  readonly holder: string
  /** Milliseconds after which others take a lease over that is not renewed. */
  readonly ttl: number
  /**
   * What only one may do. It stops soon after `signal` is aborted; a write that must not come late demands that `term` is still the present one. When it
   * returns or fails, the lease is given back and contended for again after `ttl`.
   */
  readonly work: (signal: AbortSignal, term: number) => Promise<void>
  /** Ends it. */
  readonly signal: AbortSignal
  readonly onError: (error: unknown) => void
}

/**
 * Does the work whenever this process holds the lease, until `signal` is aborted; never rejects. The holder fences
 * itself: it counts its time from before it asked for the renewal, and stops while others still wait, so that two
 * never work at once even when the record cannot be reached.
 */
export async function whileLeased(options: LeasedWork): Promise<void> {
  const { leases, name, holder, ttl, signal, onError } = options
  while (!signal.aborted) {
    const asked = performance.now()
    const term = await leases.hold(name, holder, ttl).catch((error: unknown) => void onError(error))
    if (term !== undefined && !signal.aborted) await workFor(options, term, asked)
    else if (term === undefined) await pause(ttl * renewAfter, signal)
    if (term === undefined) continue
    await leases.release(name, holder).catch(onError)
    await pause(ttl, signal)
  }
}

/** Parts of the lease's time: when it is renewed, and when work stops that could not renew it. */
const renewAfter = 0.25
const fenceAfter = 0.75

async function workFor(options: LeasedWork, term: number, asked: number): Promise<void> {
  const { work, signal, onError } = options
  const lost = new AbortController()
  const either = AbortSignal.any([signal, lost.signal])
  const done = new AbortController()
  const renewing = renew(options, { term, asked, lost, until: AbortSignal.any([either, done.signal]) })
  try {
    await work(either, term)
  } catch (error) {
    if (!either.aborted) onError(error)
  } finally {
    done.abort()
    await renewing
  }
}

interface Held {
  readonly term: number
  /** When the lease was asked for, by the monotonic clock. */
  readonly asked: number
  readonly lost: AbortController
  readonly until: AbortSignal
}

async function renew(options: LeasedWork, { term, asked, lost, until }: Held): Promise<void> {
  const { leases, name, holder, ttl, onError } = options
  const fenceAt = (from: number) =>
    setTimeout(() => lost.abort(), Math.max(from + ttl * fenceAfter - performance.now(), 0))
  let fence = fenceAt(asked)
  for (;;) {
    await pause(ttl * renewAfter, until)
    if (until.aborted) break
    const from = performance.now()
    const present = await leases.hold(name, holder, ttl).catch((error: unknown) => {
      onError(error)
      return 'not known' as const
    })
    if (present === 'not known') continue
    if (present !== term) lost.abort()
    clearTimeout(fence)
    fence = fenceAt(from)
  }
  clearTimeout(fence)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
