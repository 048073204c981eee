import { LRUCache } from 'lru-cache'
import type { ClientKey } from '../domain/client-identity.ts'
import type { Decision } from '../domain/decision.ts'
import { proxiedSerial } from '../domain/issued-certificate.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { ClientCertificate } from '../domain/request-head.ts'
import { Bag, type Bagged, nowhere } from '../lib/bag.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import type { AssessDependencies, Assessment } from './assess.ts'
import type { ClientSide } from './client-side.ts'

/**
 * The exchanges that are open now: requests, long polls, streams, WebSockets. A decision holds for as long as its
 * reasons do: when a device's state, the policy or the time changes it, the exchange is cut off. One whose decision
 * stays the same is not touched. A change goes through all of them, which is seldom; coming and going is what must cost
 * nothing.
 */
export class LiveExchanges {
  readonly #open = new Bag<LiveExchange>()
  /** Registrations whose state could not be read since it changed. */
  readonly #unread = new Map<string, NodeJS.Timeout>()
  /** Ids: a request may have been assessed before its app's device was revoked, and be followed after. */
  readonly #revokedApps = new LRUCache<string, true>({ max: 10_000 })
  readonly #deps: LiveDependencies

  constructor(deps: LiveDependencies) {
    this.#deps = deps
  }

  get size(): number {
    return this.#open.size
  }

  /** Follows an exchange that is let through until the client side ends. */
  follow(assessment: Assessment, client: ClientSide): LiveExchange {
    const exchange: LiveExchange = { assessment, client, place: nowhere, unreadSince: undefined }
    this.#open.add(exchange)
    client.onClose(() => this.#open.delete(exchange))
    // It was revoked while the request was assessed, and the notice found nothing open.
    if (this.#isRevoked(assessment)) this.#cut(exchange, { verdict: 'refuse', reason: 'certificate.revoked' })
    else if (this.#restsOnRevokedApp(assessment)) this.#cut(exchange, appRevoked)
    return exchange
  }

  /** The client has registered by the answer to this exchange, which may go on for long: it belongs to it from now on. */
  registered(exchange: LiveExchange, state: DeviceState, keys: readonly ClientKey[]): void {
    if (!this.#open.has(exchange)) return
    const { assessment } = exchange
    exchange.assessment = { ...assessment, state, identification: { ...assessment.identification, keys } }
  }

  /**
   * The state of one registration changed: decide its exchanges again. What cannot be read now is asked for again soon:
   * a block is to hold within a second of the record's answer.
   */
  async reconsiderDevice(registrationId: string): Promise<void> {
    const exchanges = this.#open.list(
      ({ assessment }) => assessment.state?.registration.id === registrationId,
    )
    const known = await Promise.all(exchanges.map((exchange) => this.#reconsider(exchange)))
    if (known.includes(false)) this.#again(registrationId)
  }

  close(): void {
    for (const timer of this.#unread.values()) clearTimeout(timer)
    this.#unread.clear()
  }

  #again(registrationId: string): void {
    if (this.#unread.has(registrationId)) return
    const timer = setTimeout(() => {
      this.#unread.delete(registrationId)
      void this.reconsiderDevice(registrationId).catch(this.#deps.onError)
    }, rereadAfter).unref()
    this.#unread.set(registrationId, timer)
  }

  /** A certificate was revoked: what it has opened ends, whatever the policy says of the rest. */
  async reconsiderCertificate(serial: string): Promise<void> {
    const exchanges = this.#open.list(({ assessment }) => {
      const certificate = certificateOf(assessment)
      return (
        certificate !== undefined &&
        (certificate.serialNumber === serial || proxiedSerial(certificate.publicKeySha256) === serial)
      )
    })
    await Promise.all(exchanges.map((exchange) => this.#reconsider(exchange)))
  }

  /**
   * The trust in a device of the company app has ended, and with it what its key or its link has opened, by whatever the
   * client was let through. What it has registered is blocked besides, registration by registration.
   */
  revokeApp(id: string): void {
    this.#revokedApps.set(id, true)
    for (const exchange of this.#open.list(({ assessment }) => this.#restsOnRevokedApp(assessment)))
      this.#cut(exchange, appRevoked)
  }

  /** Changes may have been missed: the app's devices that speak for open exchanges are looked at again. */
  async reconsiderApps(): Promise<void> {
    const devices = new Map(
      this.#open
        .list()
        .flatMap(({ assessment: { app } }) => (app ? [[app.device.thumbprint, app.device]] : [])),
    )
    for (const { id, thumbprint } of devices.values())
      if (await this.#deps.isRevokedApp(thumbprint)) this.revokeApp(id)
  }

  /** The policy, a bypass or the time changed. */
  async reconsiderAll(): Promise<void> {
    for (const exchange of this.#open.list()) await this.#reconsider(exchange)
  }

  /** @returns false when the state could not be read */
  async #reconsider(exchange: LiveExchange): Promise<boolean> {
    const { assessment } = exchange
    if (this.#isRevoked(assessment)) {
      this.#cut(exchange, { verdict: 'refuse', reason: 'certificate.revoked' })
      return true
    }
    const now = assessment.state && (await this.#stateNow(assessment))
    exchange.unreadSince = now === 'unread' ? (exchange.unreadSince ?? this.#deps.monotonic()) : undefined
    const isTooOld = this.#isTooOld(exchange)
    const state = isTooOld ? undefined : now === 'unread' ? assessment.state : now
    const bypassUntil = this.#deps.bypassUntil(assessment.facts.service)
    const { bypassUntil: _before, ...before } = assessment.facts
    const facts = { ...before, vendorSeen: this.#deps.vendorSeen() }
    const decision = decide(
      bypassUntil === undefined ? facts : { ...facts, bypassUntil },
      state,
      this.#deps.policy(),
      this.#deps.now(),
    )
    // Open without its state: by a bypass, a public path, a service that is watched only.
    const needsState = isTooOld && decision.verdict !== 'forward' && decision.monitored !== true
    if (needsState) this.#cut(exchange, { verdict: 'refuse', reason: 'state.unavailable' })
    else if (!isLetThrough(decision)) this.#cut(exchange, decision)
    return now !== 'unread'
  }

  #isTooOld({ unreadSince }: LiveExchange): boolean {
    return (
      unreadSince !== undefined && this.#deps.monotonic() - unreadSince > this.#deps.policy().limits.staleFor
    )
  }

  #isRevoked(assessment: Assessment): boolean {
    const certificate = certificateOf(assessment)
    return certificate !== undefined && this.#deps.isRevoked(certificate)
  }

  #restsOnRevokedApp({ app, facts }: Assessment): boolean {
    return app !== undefined && !facts.publicPath && this.#revokedApps.has(app.device.id)
  }

  #cut({ assessment, client }: LiveExchange, decision: Decision): void {
    this.#deps.onCutOff(assessment, decision)
    client.abort('cut-off')
  }

  /** A state that cannot be read now is no reason to cut off, until it could not be for `staleFor`. */
  async #stateNow({ identification }: Assessment): Promise<DeviceState | undefined | 'unread'> {
    try {
      return await this.#deps.find(identification.keys)
    } catch {
      return 'unread'
    }
  }
}

function certificateOf({ request }: Assessment): ClientCertificate | undefined {
  return request.head.connection.clientCertificate
}

const appRevoked: Decision = { verdict: 'refuse', reason: 'app.revoked' }

/** Milliseconds. */
const rereadAfter = 500

export interface LiveDependencies {
  /** Has this certificate, our own or one that was issued through us, been revoked? */
  readonly isRevoked: (certificate: ClientCertificate) => boolean
  readonly find: (
    keys: Assessment['identification']['keys'],
  ) => DeviceState | undefined | Promise<DeviceState | undefined>
  /** @param thumbprint of the key of a device of the company app */
  readonly isRevokedApp: (thumbprint: string) => Promise<boolean>
  readonly policy: () => CompiledPolicy
  readonly bypassUntil: (service: string) => number | undefined
  readonly vendorSeen: AssessDependencies['vendorSeen']
  readonly now: () => number
  /** Milliseconds that only grow. */
  readonly monotonic: () => number
  readonly onCutOff: (assessment: Assessment, decision: Decision) => void
  readonly onError: (error: unknown) => void
}

export interface LiveExchange extends Bagged {
  assessment: Assessment
  readonly client: ClientSide
  /** By the monotonic clock; undefined when the last look found the state. */
  unreadSince: number | undefined
}

/** Does the gateway forward on this decision? */
export function isLetThrough(decision: Decision): boolean {
  return decision.verdict === 'forward' || decision.verdict === 'register' || decision.monitored === true
}
