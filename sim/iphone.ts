/**
 * An iPhone from its box to the day on which it leaves, for `gatehouse enroll simulate`: its user signs in with a one-time
 * code and installs the profile, it asks the gateway with its certificate, comes when it is pushed to and does what it is told.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ServerRefused } from './apple/connection.ts'
import { hearPushes } from './apple/courier.ts'
import { downloadProfile, PageRefused } from './apple/enrolling-user.ts'
import { type VisitAnswer, type VisitedService, Visitor } from './apple/visit.ts'
import { AppleDevice } from './apple-device.ts'
import { issueCertificate } from './certificates.ts'

export interface IphoneOptions {
  /** Of the enrollment service. */
  readonly origin: string
  readonly code: string
  /** PEM of the CA that it trusts. */
  readonly ca: string
  /** Where it hears pushes. */
  readonly courier: URL
  readonly service: VisitedService
  readonly events: IphoneEvents
}

export interface IphoneEvents {
  waiting(): void
  enrolled(phone: AppleDevice): void
  asked(answer: VisitAnswer): void
  pushed(): void
  carriedOut(done: CarriedOut): void
  /** Something went wrong that may get better. */
  trouble(what: string): void
}

export interface CarriedOut {
  readonly command: string
  /** `Acknowledged`, `Error` … */
  readonly status: string
  /** What the device says is wrong. */
  readonly error?: string
}

/** The phone cannot go on: where, and why, in one line. */
export class IphoneFailed extends Error {}

/** Milliseconds that the enrollment service may take to listen, where the push service beside it is there already. */
const patience = 60_000

export class Iphone {
  readonly device: AppleDevice
  readonly #options: IphoneOptions
  readonly #away = new AbortController()
  #visitor: Visitor | undefined
  readonly #enrolled = Promise.withResolvers<void>()
  readonly #left = Promise.withResolvers<void>()
  /** One push after the other, and not while it enrolls. */
  #polling: Promise<void> = this.#enrolled.promise

  private constructor(device: AppleDevice, options: IphoneOptions) {
    this.device = device
    this.#options = options
    device.onCarriedOut = ({ requestType }, { Status, ErrorChain }) => {
      const [error] = (ErrorChain ?? []) as readonly { readonly LocalizedDescription: string }[] // its own
      options.events.carriedOut({
        ...{ command: requestType, status: String(Status) },
        ...(error && { error: error.LocalizedDescription }),
      })
    }
  }

  /** @throws IphoneFailed */
  static async enroll(options: IphoneOptions): Promise<Iphone> {
    const builtIn = await issueCertificate({
      commonName: 'Simulated iPhone',
      use: 'client',
      notBefore: Date.now() - 60_000,
      days: 1,
    })
    const serial = `SIM${randomBytes(4).toString('hex').toUpperCase()}`
    const udid = `00008130-${randomBytes(8).toString('hex').toUpperCase()}`
    const phone = new Iphone(new AppleDevice({ ca: options.ca, udid, serial, builtIn }), options)
    try {
      await phone.#begin()
      phone.#enrolled.resolve()
      return phone
    } catch (error) {
      phone.off()
      throw error
    }
  }

  /** Resolves when its management has ended, from here or from there. */
  get left(): Promise<void> {
    return this.#left.promise
  }

  /** Its user removes the management profile. @throws IphoneFailed */
  async checkOut(): Promise<void> {
    await this.#polling
    if (this.device.management === undefined) return
    await during(`checking out at ${this.#options.origin}`, this.device.checkOut())
    this.#left.resolve()
  }

  /** Asks once more when it has left, until the gateway has heard of it too. */
  async askAfterwards(): Promise<VisitAnswer> {
    const { events, service } = this.#options
    const until = Date.now() + 5_000
    for (;;) {
      const answer = await during(`asking ${service.origin}`, this.#visitor!.ask())
      if (answer.status >= 400 || Date.now() > until) {
        events.asked(answer)
        return answer
      }
      await delay(100)
    }
  }

  /** It is switched off, and stays enrolled. */
  off(): void {
    this.#away.abort()
  }

  async #begin(): Promise<void> {
    const { origin, code, ca, service, events, courier } = this.#options
    const connected = await during(`waiting for pushes at ${courier.origin}`, this.#connect())
    void this.#stayConnected(connected)
    const downloaded = this.#whenListening(() => downloadProfile(origin, code, { ca }))
    const profile = await during(`signing in at ${origin}`, downloaded)
    await during(`enrolling at ${origin}`, this.device.install(profile))
    events.enrolled(this.device)
    this.#visitor = new Visitor(service, this.device.identity!, { ca })
    const signedIn = await during(`asking ${service.origin}`, this.#visitor.signIn())
    if (signedIn !== undefined) events.asked(signedIn)
    events.asked(await during(`asking ${service.origin}`, this.#visitor.ask()))
  }

  /** The enrollment service listens a moment after the gateway. */
  async #whenListening<T>(work: () => Promise<T>): Promise<T> {
    const until = Date.now() + patience
    for (let told = false; ; told = true) {
      try {
        return await work()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || Date.now() > until) throw error
        if (!told) this.#options.events.waiting()
        await delay(250)
      }
    }
  }

  #connect() {
    const token = this.device.pushToken.toString('hex')
    const onPush = (body: unknown) => this.#pushed(body)
    return hearPushes(this.#options.courier, { token, onPush, signal: this.#away.signal })
  }

  async #stayConnected(connected: { readonly ended: Promise<void> }): Promise<void> {
    const { signal } = this.#away
    const { events, courier } = this.#options
    for (let connection: typeof connected | undefined = connected; !signal.aborted; ) {
      await connection?.ended
      if (connection !== undefined && !signal.aborted)
        events.trouble(`no connection to ${courier.origin}, where it hears pushes; it tries again`)
      await delay(1_000, undefined, { signal }).catch(() => {})
      connection = await this.#connect().catch(() => undefined)
    }
  }

  #pushed(body: unknown): void {
    const { events, origin } = this.#options
    this.#polling = this.#polling
      .then(async () => {
        if (this.device.management === undefined) return
        events.pushed()
        await during(`asking ${origin} for commands`, this.device.push(body))
        if (this.device.management === undefined) this.#left.resolve()
      })
      .catch((error: unknown) => events.trouble(error instanceof Error ? error.message : String(error)))
  }
}

/** @throws IphoneFailed that says what the phone was doing */
async function during<T>(doing: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new IphoneFailed(`${doing}: ${reasonOf(error)}`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof PageRefused || error instanceof ServerRefused) return message.replaceAll('\n', ' ')
  if (code === 'ECONNREFUSED') return 'nothing listens there; is `npm start` running?'
  if (code !== undefined && /CERT|SIGNATURE|ISSUER/.test(code))
    return `its certificate is not one of the CA that was given (${code})`
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}
