import { type Breaker, createBreaker } from '../lib/breaker.ts'
import { DeadlinePassed, withDeadline } from '../lib/deadline.ts'
import { isRecordAway, RecordUnavailable } from './errors.ts'
import type { Store } from './ports.ts'

export interface GuardOptions {
  /** Milliseconds that a look into the record may take (`limits.recordTimeout`). */
  readonly readTimeout: number
  /**
   * Milliseconds for a write (`limits.recordWriteTimeout`). Writes of the whole installation follow one another, on
   * SQLite by the file's lock and on PostgreSQL by a row's: when a thousand devices register at the same moment,
   * the last one waits for all before it, and nothing is wrong.
   */
  readonly writeTimeout: number
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Told when the record stops answering, or stops taking writes, and when it does so again; not for each call. */
  readonly onCondition?: (part: 'reads' | 'writes', condition: RecordCondition) => void
  /** Failures in a row after which calls are not tried any more, but for a probe now and then. */
  readonly failures?: number
  /** Milliseconds between two probes. */
  readonly retryAfter?: number
  /** Calls of each kind that may be under way; those beyond it fail at once. */
  readonly inFlight?: number
}

export interface RecordCondition {
  readonly ok: boolean
  /** For people, free of secrets. */
  readonly detail?: string
}

type MethodsOf<Port> = readonly (keyof Port)[]

/** The methods that only read. All others wait as long as a write may take. */
const reads: { readonly [P in keyof Store]?: MethodsOf<Store[P]> } = {
  registrations: ['findByKeys', 'get', 'list'],
  grants: ['userOf'],
  approvals: ['findByKeys', 'list'],
  bypasses: ['active'],
  appDevices: ['findByKey'],
  bindingTickets: ['find', 'findHeld', 'findOpened'],
  mdmTokens: ['list'],
  authorities: ['list', 'trusted'],
  certificates: [
    'bySerial',
    'byFingerprint',
    'byPublicKey',
    'ofEnrollment',
    'ofProfiles',
    'list',
    'revokedSerials',
    'revokedBy',
    'line',
  ],
  scepChallenges: ['find'],
  proxiedKeys: ['find'],
  renewals: ['get', 'list'],
  enrollments: [
    'get',
    'list',
    'withSerial',
    'ownerOf',
    'certificatesOf',
    'deviceOfKey',
    'secrets',
    'inventory',
    'pushTarget',
  ],
  mdmCommands: ['get', 'list', 'payload', 'result', 'deferredUntil'],
  refusals: ['get'],
  audit: ['list'],
  changes: ['latest', 'since'],
  leases: ['list'],
  // Of managed devices, `count` and `vendors` go through a whole fleet: they take their time.
  managedDevices: ['digests', 'get', 'ids', 'byKeys', 'toAskAgain'],
  sweeps: ['list', 'lastComplete', 'confirmedAt'],
  postures: ['find', 'concerning', 'keysOf', 'page', 'countCompliant', 'held', 'heldCount'],
  links: ['of', 'to', 'approvedAmong'],
  enrollmentCodes: ['list'],
  enrollmentPasses: ['get', 'ofChallenge'],
  deviceProfiles: ['of', 'reported', 'counts', 'failed'],
  enrolledPeople: ['of'],
}

/** Takes the time that it takes: nobody's request waits for it. */
const unlimited: ReadonlySet<string> = new Set(['verify'])

/**
 * The same record for those who serve requests: no call takes longer than its deadline, and none is made at all while
 * the record does not answer, so that requests are refused at once instead of piling up behind it. Reads and
 * writes are guarded apart: a full disk keeps nobody from looking.
 *
 * A write whose deadline has passed may still be committed. Nobody has been told that it was, so nothing is lost; who asks
 * again finds it done.
 */
export function guarded(store: Store, options: GuardOptions): Store {
  const { readTimeout, writeTimeout } = options
  const read = new Guard('reads', readTimeout, options)
  const write = new Guard('writes', writeTimeout, options)
  const ports = Object.entries(store).map(([name, port]) => {
    if (typeof port !== 'object') return [name, port]
    // The names of a store's own properties, as `Object.entries` gives them, are its keys.
    const readers: readonly PropertyKey[] = reads[name as keyof Store] ?? []
    return [name, guardedPort(port, (method) => (readers.includes(method) ? read : write))]
  })
  return {
    // Each port has the methods that it had, with the same parameters and results.
    ...(Object.fromEntries(ports) as Store),
    ping: () => read.call(() => store.ping()),
    pingWrites: () => write.call(() => store.pingWrites()),
    close: () => store.close(),
  }
}

type Method = (...parameters: unknown[]) => Promise<unknown>

function guardedPort(port: object, guardOf: (method: string) => Guard): object {
  const methods = Object.entries(port).map(([name, value]): [string, unknown] => {
    if (typeof value !== 'function' || unlimited.has(name)) return [name, value]
    const guard = guardOf(name)
    const method = value as Method // every method of every port is asynchronous
    return [name, (...parameters: unknown[]) => guard.call(() => method.apply(port, parameters))]
  })
  return Object.fromEntries(methods)
}

class Guard {
  readonly #timeout: number
  readonly #limit: number
  readonly #breaker: Breaker
  #underWay = 0
  #failure = ''

  constructor(part: 'reads' | 'writes', timeout: number, options: GuardOptions) {
    const { failures = 5, retryAfter = 1_000, inFlight = 1_000, now, onCondition } = options
    this.#timeout = timeout
    this.#limit = inFlight
    this.#breaker = createBreaker({
      failures,
      retryAfterMs: retryAfter,
      now,
      onChange: (open) => onCondition?.(part, open ? { ok: false, detail: this.#failure } : { ok: true }),
    })
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#limit)
      throw new RecordUnavailable('busy', `More than ${this.#limit} calls of the record are under way`)
    const ticket = this.#breaker.admit()
    if (ticket === undefined)
      throw new RecordUnavailable('busy', `The record is not asked at the moment: ${this.#failure}`)
    try {
      const value = await withDeadline(this.#counted(work), this.#timeout)
      this.#breaker.succeeded(ticket)
      return value
    } catch (error) {
      const known = toUnavailable(error)
      if (isRecordAway(known)) {
        this.#failure = known.message
        this.#breaker.failed(ticket)
      } else {
        this.#breaker.succeeded(ticket)
      }
      throw known
    }
  }

  /** Under way until it has ended, also beyond its deadline: it still holds a connection. */
  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }
}

function toUnavailable(error: unknown): unknown {
  if (!(error instanceof DeadlinePassed)) return error
  return new RecordUnavailable('timeout', `The record: ${error.message.toLowerCase()}`, { cause: error })
}
