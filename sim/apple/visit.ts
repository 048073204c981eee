/** What a phone's apps do at a protected service: sign in, and ask, with the phone's certificate. */
import { type DeviceNetwork, deviceRequest } from './connection.ts'
import type { DeviceIdentity } from './messages.ts'

export interface VisitedService {
  /** At the gateway, such as `https://chat.localhost:8443`. */
  readonly origin: string
  /** The form with which users sign in; undefined where there is none. */
  readonly signIn?: { readonly path: string; readonly fields: Readonly<Record<string, string>> }
}

export interface VisitAnswer {
  /** Such as `GET https://chat.localhost:8443/`. */
  readonly asked: string
  readonly status: number
  /** Gatehouse's own, when it was Gatehouse that answered: why, and the reference for `gatehouse explain`. */
  readonly reason?: string
  readonly reference?: string
}

/** One app: it keeps the cookies of its sign-in. */
export class Visitor {
  readonly #service: VisitedService
  readonly #identity: DeviceIdentity
  readonly #network: DeviceNetwork
  #cookies: readonly string[] = []

  constructor(service: VisitedService, identity: DeviceIdentity, network: DeviceNetwork) {
    this.#service = service
    this.#identity = identity
    this.#network = network
  }

  /** @returns undefined where users do not sign in with a form */
  async signIn(): Promise<VisitAnswer | undefined> {
    const { signIn } = this.#service
    return signIn && this.#ask('POST', signIn.path, new URLSearchParams(signIn.fields))
  }

  ask(): Promise<VisitAnswer> {
    return this.#ask('GET', '/')
  }

  async #ask(method: 'GET' | 'POST', path: string, form?: URLSearchParams): Promise<VisitAnswer> {
    const url = new URL(path, this.#service.origin).href
    const headers = {
      // A refusal is told to programs with its reason.
      accept: 'application/json',
      'user-agent': 'Chat/2.1 (iPhone; iOS 18.1)',
      cookie: this.#cookies.join('; '),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    }
    const body = form && { body: Buffer.from(form.toString()) }
    const request = { method, headers, identity: this.#identity, ...body }
    const answer = await deviceRequest(url, request, this.#network)
    const cookies = answer.headers['set-cookie'] ?? []
    if (cookies.length > 0) this.#cookies = cookies.map((cookie) => cookie.split(';')[0] ?? '')
    return { asked: `${method} ${url}`, status: answer.status, ...problemIn(answer.body) }
  }
}

function problemIn(body: Buffer): { readonly reason?: string; readonly reference?: string } {
  try {
    const { reason, reference } = JSON.parse(body.toString())
    return typeof reason === 'string' && typeof reference === 'string' ? { reason, reference } : {}
  } catch {
    return {}
  }
}
