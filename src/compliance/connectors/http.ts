import { validateHeaderValue } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, type Dispatcher, ProxyAgent, request as send } from 'undici'
import type { Secret } from '../../settings/secret.ts'
import { VendorError } from './connector.ts'
import { parseBoundedJson } from './parts/bounded-json.ts'
import { failureOf } from './parts/failure.ts'
import { readBounded } from './parts/read-bounded.ts'
import { retryAfterOf } from './parts/retry-after.ts'
import type { VendorAnswer, VendorHttp, VendorRequest } from './vendor-http.ts'

export interface VendorHttpOptions {
  /** The connection's base address; its path ends where relative addresses begin. */
  readonly base: URL
  /** PEM texts of the only CAs to be trusted; otherwise those of Node. */
  readonly ca?: readonly string[]
  readonly proxy?: VendorProxy
  /** Milliseconds: to connect, to wait for an answer's beginning, and between two pieces of it. */
  readonly timeout?: number
  /** Milliseconds for one try as a whole, however steadily the answer drips. */
  readonly patience?: number
  /** Bytes of one answer. */
  readonly maxBytes?: number
  readonly now: () => number
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Rejects with the signal's reason when it is aborted. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>
  /** Told before each wait. */
  readonly onRetry?: (event: VendorRetry) => void
}

export interface VendorProxy {
  readonly url: URL
  readonly user?: string
  readonly password?: Secret
}

/** For the log. Neither query nor headers: they may hold secrets. */
export interface VendorRetry {
  readonly host: string
  readonly path: string
  /** The try that failed, from 1. */
  readonly attempt: number
  readonly reason: string
  /** Milliseconds. */
  readonly wait: number
}

export interface ClosableVendorHttp extends VendorHttp {
  close(): Promise<void>
}

const tries = 4
/** Milliseconds. A vendor that wants more patience is asked again at the next poll. */
const firstWait = 500
const longestBackOff = 30_000
const longestRetryAfter = 120_000

export function createVendorHttp(options: VendorHttpOptions): ClosableVendorHttp {
  return new UndiciVendorHttp(options)
}

class UndiciVendorHttp implements ClosableVendorHttp {
  readonly #options: VendorHttpOptions
  readonly #base: URL
  readonly #dispatcher: Dispatcher

  constructor(options: VendorHttpOptions) {
    this.#options = options
    this.#base = withSlash(options.base)
    this.#dispatcher = dispatcherOf(options)
  }

  async request(request: VendorRequest): Promise<VendorAnswer> {
    const url = this.#permitted(request)
    refuseUnsendable(request.headers ?? {})
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted()
      const outcome = await this.#try(url, request)
      if (!(outcome instanceof Retryable)) return outcome
      const wait = this.#waitAfter(outcome, attempt)
      if (wait === undefined) throw outcome.error
      const { host, pathname: path } = url
      this.#options.onRetry?.({ host, path, attempt, reason: outcome.error.message, wait })
      await (this.#options.sleep ?? sleep)(wait, request.signal)
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  /** A next-link or a redirect to another host would carry the credentials there. */
  #permitted({ url: target, origins = [] }: VendorRequest): URL {
    const text = String(target)
    const url = URL.canParse(text, this.#base.href) ? new URL(text, this.#base) : undefined
    if (url === undefined || url.username !== '' || url.password !== '') {
      throw new VendorError('protocol', 'the vendor named a next address that is none')
    }
    if (url.origin === this.#base.origin || origins.includes(url.origin)) return url
    const from = this.#base.origin
    throw new VendorError('protocol', `a next page at ${url.origin} is refused: the connection is to ${from}`)
  }

  async #try(url: URL, request: VendorRequest): Promise<VendorAnswer | Retryable> {
    const { timeout = 30_000, patience = 300_000, maxBytes = 64 * 1024 * 1024 } = this.#options
    const limit = AbortSignal.timeout(patience)
    try {
      const answer = await send(url, {
        dispatcher: this.#dispatcher,
        method: request.method ?? 'GET',
        headers: { accept: 'application/json', 'user-agent': 'Gatehouse', ...request.headers },
        body: request.body ?? null,
        headersTimeout: timeout,
        bodyTimeout: timeout,
        signal: request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]),
      })
      const text = await readBounded(answer.body, maxBytes, url.host)
      return this.#judge(url, new Answer(url, answer.statusCode, answer.headers, text))
    } catch (error) {
      request.signal?.throwIfAborted()
      if (error instanceof VendorError) throw error
      const failure = failureOf(error, url.host)
      if (failure.code !== 'unreachable') throw failure
      return new Retryable(failure)
    }
  }

  #judge(url: URL, answer: Answer): VendorAnswer | Retryable {
    const { status } = answer
    if (status >= 300 && status < 400) throw redirected(url, answer)
    if (status < 500 && status !== 408 && status !== 429) return answer
    const retryAfter = retryAfterOf(answer, this.#options.now())
    const more = retryAfter === undefined ? {} : { retryAfter }
    const [code, words] =
      status === 429
        ? (['throttled', 'wants to be asked less often'] as const)
        : (['vendor-failure', 'failed'] as const)
    return new Retryable(
      new VendorError(code, `${url.host} ${words}: HTTP ${status} at ${url.pathname}`, more),
    )
  }

  /** @returns undefined when it is not worth another try */
  #waitAfter({ error }: Retryable, attempt: number): number | undefined {
    if (attempt >= tries) return undefined
    const backOff = Math.min(longestBackOff, firstWait * 2 ** (attempt - 1)) * this.#options.random()
    if (error.retryAfter === undefined) return Math.round(backOff)
    return error.retryAfter > longestRetryAfter ? undefined : Math.round(error.retryAfter + backOff)
  }
}

class Retryable {
  readonly error: VendorError

  constructor(error: VendorError) {
    this.error = error
  }
}

class Answer implements VendorAnswer {
  readonly status: number
  readonly text: string
  readonly #url: URL
  readonly #headers: Dispatcher.ResponseData['headers']

  constructor(url: URL, status: number, headers: Dispatcher.ResponseData['headers'], text: string) {
    this.status = status
    this.text = text
    this.#url = url
    this.#headers = headers
  }

  header(name: string): string | undefined {
    const value = this.#headers[name.toLowerCase()]
    return typeof value === 'string' ? value : value?.[0]
  }

  json(): unknown {
    const what = `${this.#url.host}${this.#url.pathname} answered ${this.status}`
    return parseBoundedJson(this.text, { what, mediaType: this.header('content-type') })
  }
}

/** A line break at the end of a secret's file, say. The HTTP client would wait without end after such a header. */
function refuseUnsendable(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderValue(name, value)
    } catch {
      const words = `the value for \`${name}\` holds a line break or another character that no header may have`
      throw new VendorError('settings', words)
    }
  }
}

function redirected(url: URL, answer: Answer): VendorError {
  const location = answer.header('location')
  const to = URL.canParse(location ?? '', url.href) ? ` to ${new URL(location ?? '', url).host}` : ''
  return new VendorError(
    'protocol',
    `${url.host} redirects${to}: redirects are refused, set the final address`,
  )
}

/** Relative addresses replace what follows the last slash. */
function withSlash(base: URL): URL {
  const url = new URL(base)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function dispatcherOf({ ca, proxy, timeout = 30_000 }: VendorHttpOptions): Dispatcher {
  const tls = { ...(ca !== undefined && ca.length > 0 && { ca: [...ca] }), timeout }
  // A second connection lets one device be asked for while a sweep waits for its page.
  const common = { connections: 2, allowH2: false }
  if (proxy === undefined) return new Agent({ ...common, connect: tls })
  const { user, password } = proxy
  const credentials = Buffer.from(`${user}:${password?.reveal() ?? ''}`).toString('base64')
  return new ProxyAgent({
    ...common,
    uri: proxy.url.href,
    requestTls: tls,
    ...(user !== undefined && { token: `Basic ${credentials}` }),
  })
}

async function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal && { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
