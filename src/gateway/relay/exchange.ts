import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Answer } from '../../domain/answer.ts'
import { hstsField } from '../hsts.ts'
import { sendAnswer } from '../send-answer.ts'
import { AnswerGate, type GateKeeper } from './answer-gate.ts'
import { InvalidAnswer, RelayFailure, type RelayReason, reasonOf, type Stage } from './failure.ts'
import { ObservedAnswer } from './observed-answer.ts'
import type { ForwardOrder, RelayEnd, RelayOutcome, TunnelEnd } from './order.ts'
import { isShared, type Pin, type Pins } from './pinned.ts'
import type { UpstreamConnection } from './pools.ts'
import {
  challengesConnection,
  clientHeaders,
  clientTrailers,
  type UpstreamHeaders,
  withoutConnectionChallenges,
} from './response-headers.ts'
import { mayRetry } from './retry.ts'
import { openTunnel, type Tunnel } from './tunnel.ts'
import { acceptsHandshake, switchHeaders } from './upgrade.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

/** What an exchange is given beside its order. */
export interface ExchangeContext {
  readonly upstreams: Upstreams
  readonly pins: Pins
  readonly pin: Pin | undefined
  readonly now: () => number
  readonly upgradeIdleTimeout: number
  readonly answerTimeout: number
}

const mostInterim = 10
type Controller = Dispatcher.DispatchController

/**
 * One exchange on its way: undici calls it with what the upstream does, the client side with what the client does,
 * and the first of them that ends it decides the outcome. There is one object and one promise for each exchange, and
 * nothing is held but what `readsAnswer` asks for.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #order: ForwardOrder
  readonly #context: ExchangeContext
  readonly #resolve: (outcome: RelayOutcome) => void
  readonly #reject: (reason: unknown) => void
  readonly #startedAt: number
  #pin: Pin | undefined
  #upstream: Upstream | undefined
  #connection: UpstreamConnection | undefined
  #controller: Controller | undefined
  #cancelWait: (() => void) | undefined
  readonly #tried: Upstream[] = []
  #retries = 0
  /** Why the attempt before failed: the answer when there is nowhere else to try. */
  #lastFailure: RelayFailure | undefined
  #sent = false
  #answered = false
  #interim = 0
  #status = 0
  #connectedAt: number | undefined
  #answeredAt: number | undefined
  #gate: AnswerGate | undefined
  #trailers: string[] | undefined
  #upstreamDone = false
  #hearsDrain = false
  /** Runs while the client does not read what waits for it. */
  #unread: NodeJS.Timeout | undefined
  #replaced = false
  #tunnel: Tunnel | undefined
  #over = false

  constructor(
    order: ForwardOrder,
    context: ExchangeContext,
    settle: { resolve: (outcome: RelayOutcome) => void; reject: (reason: unknown) => void },
  ) {
    this.#order = order
    this.#context = context
    this.#pin = context.pin
    this.#resolve = settle.resolve
    this.#reject = settle.reject
    this.#startedAt = context.now()
  }

  start(): void {
    this.#pin?.begin()
    this.#order.client.onClose((completed) => this.#clientClosed(completed))
    if (!this.#over) this.#attempt()
  }

  // The way out

  #attempt(): void {
    const upstream = this.#pin?.upstream ?? this.#context.upstreams.choose(this.#tried)
    if (upstream === undefined) {
      this.#rejectWith(this.#lastFailure ?? new RelayFailure('upstream.unreachable'))
      return
    }
    this.#upstream = upstream
    this.#tried.push(upstream)
    if (this.#pin !== undefined) {
      this.#send(this.#pin.connection)
      return
    }
    if (this.#order.head.upgrade !== undefined) {
      this.#send(upstream.pool.open('single'))
      return
    }
    // The next kept connection may be as stale as the last one was.
    const connection = this.#retries > 0 ? upstream.pool.open('pooled') : upstream.pool.acquire()
    if (connection !== undefined) {
      this.#send(connection)
      return
    }
    this.#cancelWait = upstream.pool.wait((free) => {
      this.#cancelWait = undefined
      if (free === undefined) this.#fail('upstream.unreachable')
      else this.#send(free)
    })
  }

  #send(connection: UpstreamConnection): void {
    this.#connection = connection
    const { head, addFields, client, body } = this.#order
    const upstream = this.#upstream as Upstream
    const stream = body === undefined && head.hasBody ? client.body : undefined
    connection.client.dispatch(
      {
        path: head.target,
        method: head.method as Dispatcher.HttpMethod,
        headers: this.#context.upstreams.headers.rewrite({
          head,
          upstream: upstream.url,
          addFields,
          streamsBody: stream !== undefined,
        }),
        body: stream ?? (body as Buffer | undefined) ?? null,
        servername: upstream.serverName,
        // undici closes after HEAD and after bodies of GET; a connection that is signed in has to stay.
        reset: this.#pin === undefined ? null : false,
        upgrade: head.upgrade,
      } as Dispatcher.DispatchOptions,
      this,
    )
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    this.#sent = true
    if (this.#connection !== undefined) this.#connection.awaitsAnswer = true
    if (this.#over) {
      controller.abort(new Error('The exchange is over'))
      return
    }
    if (this.#connection?.reused === false) this.#connectedAt ??= this.#context.now()
  }

  // The way back

  onResponseStarted(): void {
    this.#answered = true
    if (this.#connection !== undefined) this.#connection.awaitsAnswer = false
  }

  onResponseStart(controller: Controller, status: number, received: UpstreamHeaders): void {
    if (this.#over) return
    if (status < 200) {
      this.#passInterim(controller, status, received)
      return
    }
    if (status > 599) {
      controller.abort(new InvalidAnswer('The status is outside of 200 to 599'))
      return
    }
    this.#status = status
    this.#answeredAt = this.#context.now()
    this.#context.upstreams.succeeded(this.#upstream as Upstream)
    const headers = this.#settleChallenges(controller, received)
    if (headers === undefined) return
    const { client, onAnswer } = this.#order
    if (this.#endsConnection(headers)) client.connection.closeAfterAnswer()
    const flat = clientHeaders(headers, status)
    const hsts = hstsField(this.#order.head, this.#order.service)
    if (hsts !== undefined && headers['strict-transport-security'] === undefined) flat.push(...hsts)
    if (onAnswer === undefined) client.sendHead(status, flat)
    else
      this.#observe(new ObservedAnswer(status, headers), flat, (final, held) => this.#passHead(final, held))
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#over) return
    if (this.#gate?.open === false) this.#gate.hold(chunk)
    else if (!this.#order.client.write(chunk)) this.#pause(controller)
  }

  onResponseEnd(_controller: Controller, trailers: UpstreamHeaders): void {
    if (this.#over) return
    this.#upstreamDone = true
    this.#trailers = clientTrailers(trailers)
    this.#giveBack()
    if (this.#gate?.open === false) this.#gate.end()
    else this.#order.client.end(this.#trailers)
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#over || this.#upstreamDone) return
    const reason = reasonOf(error, this.#stage())
    this.#noteHealth(reason)
    const { method, hasBody } = this.#order.head
    const attempt = { method, hasBody, sent: this.#sent, answered: this.#answered }
    if (this.#tries(reason) && mayRetry(attempt)) {
      this.#retry(new RelayFailure(reason, { cause: error }))
      return
    }
    this.#dropUpstream()
    if (reason === 'client.aborted') {
      this.#clientGone()
      return
    }
    if (!this.#order.client.headSent) {
      this.#fail(reason, error)
      return
    }
    this.#finish(endOf(reason))
    this.#order.client.abort(reason.startsWith('upstream.') ? 'upstream' : 'failure')
  }

  onRequestUpgrade(_controller: Controller, status: number, headers: UpstreamHeaders, socket: Duplex): void {
    const { head } = this.#order
    this.#answered = true
    if (this.#over || !acceptsHandshake(head, headers)) {
      this.#dropUpstream()
      if (!this.#over) this.#fail('upstream.invalid')
      return
    }
    this.#status = status
    this.#answeredAt = this.#context.now()
    this.#context.upstreams.succeeded(this.#upstream as Upstream)
    const flat = switchHeaders(headers)
    const go = (final: readonly string[]) => this.#switch(final, socket)
    if (this.#order.onAnswer === undefined) go(flat)
    else this.#observe(new ObservedAnswer(status, headers), flat, go)
  }

  // What the gateway wants to know of the answer

  #observe(answer: ObservedAnswer, headers: string[], pass: GateKeeper['pass']): void {
    const whileOpen = (step: () => void) => {
      if (!this.#over) step()
    }
    const keeper: GateKeeper = {
      pause: () => whileOpen(() => !this.#upstreamDone && this.#controller?.pause()),
      pass: (final, held) => whileOpen(() => pass(final, held)),
      replace: (replacement) => whileOpen(() => this.#replace(replacement)),
      fail: (error) => this.#rejectWith(error),
    }
    this.#gate = new AnswerGate(this.#order, keeper, { answer, headers })
    this.#gate.begin()
  }

  #passHead(headers: readonly string[], held: readonly Uint8Array[]): void {
    const { client } = this.#order
    client.sendHead(this.#status, headers)
    let ready = true
    for (const chunk of held) ready = client.write(chunk)
    const controller = this.#controller
    if (this.#upstreamDone || controller === undefined) client.end(this.#trailers)
    else if (!ready) this.#pause(controller)
    else if (controller.paused) controller.resume()
  }

  #replace(answer: Answer): void {
    const { client, head } = this.#order
    if (!this.#upstreamDone) {
      this.#dropUpstream()
      if (this.#pin !== undefined || head.upgrade !== undefined) client.connection.closeAfterAnswer()
    }
    this.#replaced = true
    this.#status = answer.status
    sendAnswer(client, head, answer)
  }

  // In between

  #passInterim(controller: Controller, status: number, headers: UpstreamHeaders): void {
    if (status === 101) {
      controller.abort(new InvalidAnswer('101 without an upgrade'))
      return
    }
    this.#interim += 1
    if (this.#interim > mostInterim || (status !== 102 && status !== 103)) return
    this.#order.client.sendInformational(status, clientHeaders(headers, status))
  }

  #pause(controller: Controller): void {
    controller.pause()
    this.#unread ??= setTimeout(() => this.#order.client.abort('failure'), this.#context.answerTimeout)
    if (this.#hearsDrain) return
    this.#hearsDrain = true
    // After the end the connection carries another exchange, whose pauses are not ours to end.
    this.#order.client.onDrain(() => {
      clearTimeout(this.#unread)
      this.#unread = undefined
      if (!this.#upstreamDone) this.#controller?.resume()
    })
  }

  /** @returns the headers to go on with; undefined when the answer must not go on */
  #settleChallenges(controller: Controller, headers: UpstreamHeaders): UpstreamHeaders | undefined {
    if (!challengesConnection(headers)) return headers
    if (!isShared(this.#order.head)) return this.#pinConnection(controller) ? headers : undefined
    const others = withoutConnectionChallenges(headers)
    if (others === undefined) controller.abort(new RelayFailure('connection.shared'))
    return others
  }

  /**
   * NTLM and Negotiate sign a connection in: from the first challenge on the client has its own.
   * @returns whether the answer may go on
   */
  #pinConnection(controller: Controller): boolean {
    const { connection } = this.#order.client
    if (connection.httpVersion === '2') {
      controller.abort(new RelayFailure('connection.http1-required'))
      return false
    }
    if (this.#pin === undefined) this.#context.pins.pin(connection, this.#upstream as Upstream)
    return true
  }

  /** A handshake that was not accepted closes both connections; so does a signed-in upstream connection that ends. */
  #endsConnection(headers: UpstreamHeaders): boolean {
    if (this.#order.head.upgrade !== undefined) return true
    return this.#pin !== undefined && /\bclose\b/i.test(String(headers.connection ?? ''))
  }

  #switch(headers: readonly string[], socket: Duplex): void {
    const { client } = this.#order
    if (client.switchProtocols === undefined) {
      this.#dropUpstream()
      this.#fail('http.upgrade')
      return
    }
    this.#tunnel = openTunnel({
      client: client.switchProtocols(headers),
      upstream: socket,
      idleTimeout: this.#context.upgradeIdleTimeout,
      onEnd: (by, clean) => this.#tunnelEnded(by, clean),
    })
  }

  #tunnelEnded(by: TunnelEnd, clean: boolean): void {
    this.#dropUpstream()
    if (this.#order.client.aborted === 'cut-off') {
      this.#finish('cut-off', 'cut-off')
      return
    }
    if (clean || by === 'idle') {
      this.#finish('completed', by)
      return
    }
    this.#finish(by === 'upstream' ? 'upstream.aborted' : 'client.aborted', by)
  }

  // Ends

  #clientClosed(completed: boolean): void {
    if (this.#over) return
    if (this.#tunnel !== undefined) {
      this.#tunnel.clientClosed()
      return
    }
    if (completed && this.#upstreamDone) {
      this.#finish('completed')
      return
    }
    this.#dropUpstream()
    this.#clientGone()
  }

  /** The request is destroyed, never ended: an ended one is complete to the upstream. */
  #dropUpstream(): void {
    this.#cancelWait?.()
    this.#cancelWait = undefined
    const controller = this.#controller
    this.#controller = undefined
    const before = this.#upstreamDone
    this.#upstreamDone = true
    if (!before) controller?.abort(new Error('The exchange is over'))
    if (!before || this.#tunnel !== undefined) void this.#connection?.discard()
  }

  #clientGone(): void {
    const { client } = this.#order
    const cutOff = client.aborted === 'cut-off'
    if (this.#status === 0) this.#status = cutOff ? 403 : 499
    // The client side itself breaks off an answer that is shorter or longer than it promised to be.
    const broken = client.aborted === 'upstream' ? 'upstream.aborted' : 'client.aborted'
    this.#finish(cutOff ? 'cut-off' : broken)
    if (!cutOff) client.abort('failure')
  }

  #giveBack(): void {
    const connection = this.#connection as UpstreamConnection
    connection.reused = true
    this.#controller = undefined
    if (this.#pin === undefined) (this.#upstream as Upstream).pool.release(connection)
  }

  #stage(): Stage {
    if (!this.#sent) return 'connecting'
    return this.#status === 0 ? 'waiting' : 'answering'
  }

  #tries(reason: RelayReason): boolean {
    if (this.#pin !== undefined || this.#retries >= this.#context.upstreams.all.length) return false
    return reason === 'upstream.unreachable' || reason === 'upstream.tls' || reason === 'upstream.aborted'
  }

  #retry(failure: RelayFailure): void {
    const upstream = this.#upstream as Upstream
    this.#lastFailure = failure
    // A kept connection that the upstream was just closing says nothing about the upstream: it gets a second chance.
    if (this.#sent && this.#connection?.reused) this.#tried.splice(this.#tried.indexOf(upstream), 1)
    void this.#connection?.discard()
    this.#controller = undefined
    this.#sent = false
    this.#retries += 1
    this.#attempt()
  }

  #noteHealth(reason: RelayReason): void {
    const connectFailed = !this.#sent && (reason === 'upstream.unreachable' || reason === 'upstream.tls')
    if (connectFailed || reason === 'upstream.invalid')
      this.#context.upstreams.failed(this.#upstream as Upstream)
  }

  #rejectWith(error: unknown): void {
    if (this.#over) return
    this.#dropUpstream()
    this.#over = true
    clearTimeout(this.#unread)
    this.#pin?.end(false)
    this.#reject(error)
  }

  #fail(reason: RelayReason, cause?: Error): void {
    if (cause instanceof RelayFailure) {
      this.#rejectWith(cause)
      return
    }
    this.#rejectWith(new RelayFailure(reason, cause && { cause }))
  }

  #finish(ended: RelayEnd, closedBy?: TunnelEnd): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#unread)
    this.#pin?.end(ended === 'completed')
    this.#resolve({
      status: this.#status,
      upstream: this.#upstream?.origin,
      retries: this.#retries,
      timings: this.#timings(),
      ended,
      replaced: this.#replaced,
      upgraded: closedBy !== undefined,
      closedBy,
    })
  }

  #timings(): RelayOutcome['timings'] {
    return {
      connect: since(this.#startedAt, this.#connectedAt),
      firstByte: since(this.#startedAt, this.#answeredAt),
      total: this.#context.now() - this.#startedAt,
    }
  }
}

function since(start: number, end: number | undefined): number | undefined {
  return end === undefined ? undefined : end - start
}

function endOf(reason: RelayReason): RelayEnd {
  if (reason === 'upstream.timeout' || reason === 'upstream.invalid') return reason
  return reason.startsWith('upstream.') ? 'upstream.aborted' : 'client.aborted'
}
