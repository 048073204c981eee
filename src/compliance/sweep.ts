import type { ManagedDevice } from '../domain/managed-device.ts'
import { RecordUnavailable } from '../store/errors.ts'
import type { SweepCounts } from '../store/ports.ts'
import type { PostureWriter, Round } from './apply.ts'
import { type Connector, VendorError, type VendorPage } from './connectors/connector.ts'
import { digestOf, isKnown, keyName, toStoredDevice } from './device-record.ts'
import type { ComplianceRecord } from './evaluate.ts'
import type { LatestWord } from './latest-word.ts'
import type { VerdictRules } from './verdict.ts'

export interface PollDependencies {
  readonly name: string
  readonly connector: Connector
  readonly record: ComplianceRecord
  readonly rules: VerdictRules
  readonly writer: PostureWriter
  /** 0 to 1: a sweep that finds less than this share of the devices that are known is taken for a fault. */
  readonly smallest: number
  readonly now: () => number
  readonly latest: LatestWord
  /** What the sweep says of this device is not what the vendor said when it was asked meanwhile. */
  readonly onDoubt: (vendorDeviceId: string) => void
  /** News were kept, perhaps, and what follows from them was not: everybody is to be judged anew. */
  readonly onUnsettled: () => void
}

/** What one poll has learnt, kept page by page; what follows from it is settled at its end. */
export class News {
  readonly #deps: PollDependencies
  readonly #round: Round
  /** Devices with news, by their id, until they are judged; with what led to them before. */
  #changed: string[] = []
  #before: string[] = []
  changed = 0
  unreadable = 0

  constructor(deps: PollDependencies) {
    this.#deps = deps
    this.#round = deps.writer.begin()
  }

  keep(page: Pick<VendorPage, 'devices' | 'unreadable'>): Promise<void> {
    this.unreadable += page.unreadable?.count ?? 0
    return this.#orUnsettled(() => this.#keep(page.devices, 'page'))
  }

  /**
   * The vendor was asked for just this device.
   * @param force written also when nothing is new
   */
  keepOne(device: ManagedDevice, force: boolean): Promise<void> {
    return this.#orUnsettled(() => {
      this.#deps.latest.asked(device.vendorDeviceId)
      return this.#keep([device], force ? 'forced' : 'asked')
    })
  }

  async #keep(read: readonly ManagedDevice[], how: 'page' | 'asked' | 'forced'): Promise<void> {
    const { name, record, rules, now, latest, onDoubt } = this.#deps
    const devices = [...new Map(read.map((one) => [one.vendorDeviceId, notAhead(one, now())])).values()]
    const known = await record.managedDevices.digests(
      name,
      devices.map(({ vendorDeviceId }) => vendorDeviceId),
    )
    const news = devices.flatMap((device) => {
      const digest = digestOf(device, rules)
      const { vendorDeviceId } = device
      if (how !== 'forced' && isKnown(device, digest, known.get(vendorDeviceId))) return []
      if (how === 'page' && latest.isNewer(vendorDeviceId)) {
        onDoubt(vendorDeviceId)
        return []
      }
      return [toStoredDevice({ ...device, vendor: name }, { digest, rules, now: now() })]
    })
    for (let begin = 0; begin < news.length; begin += writtenAtOnce) {
      const some = news.slice(begin, begin + writtenAtOnce)
      const before = await record.managedDevices.put(some)
      this.#changed.push(...some.map(({ device }) => device.vendorDeviceId))
      const after = new Set(some.flatMap(({ keys }) => keys.map(keyName)))
      this.#before.push(...before.map(keyName).filter((key) => !after.has(key)))
    }
    this.changed += news.length
  }

  remove(ids: readonly string[]): Promise<void> {
    const { name, record } = this.#deps
    return this.#orUnsettled(async () => {
      for (const key of await record.managedDevices.remove(name, ids)) this.#before.push(keyName(key))
    })
  }

  /** The vendor was asked for just this device, and does not know it. */
  removeOne(id: string): Promise<void> {
    this.#deps.latest.asked(id)
    return this.remove([id])
  }

  /**
   * Judges what the news concern.
   * @param refreshed registrations whose news are new even when they say the same
   * @param whole the whole fleet was asked for: what the brake holds is looked at again
   */
  settle(refreshed?: ReadonlySet<string>, whole = false) {
    return this.#deps.writer.exclusively(async () => {
      try {
        return await this.#settle(refreshed, whole)
      } catch (error) {
        this.#deps.onUnsettled()
        throw error
      }
    })
  }

  /** A write that failed may have been committed all the same; the next poll would then find nothing new. */
  #orUnsettled(work: () => Promise<void>): Promise<void> {
    return this.#deps.latest.exclusively(async () => {
      try {
        await work()
      } catch (error) {
        this.#deps.onUnsettled()
        throw error
      }
    })
  }

  async #settle(refreshed: ReadonlySet<string> | undefined, whole: boolean) {
    const { name, record } = this.#deps
    const changed = this.#changed
    const before = [...new Set(this.#before)].map(toKey)
    this.#changed = []
    this.#before = []
    for (let begin = 0; begin < before.length; begin += atOnce)
      await this.#round.consider({ keys: before.slice(begin, begin + atOnce) }, refreshed)
    for (let begin = 0; begin < changed.length; begin += lookedUpAtOnce) {
      const ids = changed.slice(begin, begin + lookedUpAtOnce)
      const linked = await record.links.to(ids.map((vendorDeviceId) => ({ vendor: name, vendorDeviceId })))
      // Most devices of a fleet that is read for the first time concern nobody yet.
      await this.#consider(
        [...new Set([...linked, ...(await record.postures.concerning(name, ids))])],
        refreshed,
      )
      await breath()
    }
    return this.#round.settle(whole ? name : undefined)
  }

  async #consider(ids: readonly string[], refreshed: ReadonlySet<string> | undefined): Promise<void> {
    for (let begin = 0; begin < ids.length; begin += atOnce) {
      await this.#round.consider({ ids: ids.slice(begin, begin + atOnce) }, refreshed)
      await breath()
    }
  }
}

/** Registrations. */
const atOnce = 50
/** Devices whose registrations are looked for at once. */
const lookedUpAtOnce = 500
/** Devices in one write: some ten milliseconds in which nobody else can write. */
const writtenAtOnce = 200

/** The vendor's clock may be ahead of ours: from the future no device is heard of, and it would never fall silent. */
function notAhead(device: ManagedDevice, now: number): ManagedDevice {
  return device.lastSeen !== undefined && device.lastSeen > now ? { ...device, lastSeen: now } : device
}

function toKey(name: string) {
  const at = name.indexOf('\n')
  // Made by `keyName` of a key.
  return { kind: name.slice(0, at) as 'user', value: name.slice(at + 1) }
}

/** Lets what waits (requests, when the gateway runs in this process) go first. */
function breath(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface SweepOutcome {
  readonly counts: SweepCounts
  readonly error?: VendorError
}

/**
 * The whole fleet once. Only when it came to its end, and found about as many devices as there were, are those gone that
 * it did not find. What was read before it broke off is true all the same.
 */
export async function sweep(deps: PollDependencies, signal: AbortSignal): Promise<SweepOutcome> {
  const startedAt = deps.now()
  const news = new News(deps)
  const seen = new Set<string>()
  let gone = 0
  let error: VendorError | undefined
  try {
    await readFleet(deps, { news, seen, signal })
    await checkSize(deps, seen.size)
    gone = await removeGone(deps, { news, seen, signal })
  } catch (cause) {
    if (signal.aborted) throw cause
    error = asVendorError(cause)
  }
  await news.settle(undefined, error === undefined)
  const counts = { devices: seen.size, changed: news.changed, gone, unreadable: news.unreadable }
  await deps.record.sweeps.add({
    vendor: deps.name,
    startedAt,
    finishedAt: deps.now(),
    complete: error === undefined,
    counts,
    ...(error && { error: { code: error.code, message: error.message } }),
  })
  return { counts, ...(error && { error }) }
}

interface Reading {
  readonly news: News
  readonly seen: Set<string>
  readonly signal: AbortSignal
}

/** How far a sweep may fall short of the vendor's own total, whose devices come and go meanwhile. */
const shortfall = 0.02

async function readFleet(deps: PollDependencies, { news, seen, signal }: Reading): Promise<void> {
  let total: number | undefined
  let unreadable = 0
  for await (const page of deps.connector.sweep(signal)) {
    signal.throwIfAborted()
    for (const { vendorDeviceId } of page.devices) seen.add(vendorDeviceId)
    unreadable += page.unreadable?.count ?? 0
    total = page.total ?? total
    await news.keep(page)
    await breath()
  }
  signal.throwIfAborted()
  const found = seen.size + unreadable
  if (total !== undefined && found < Math.floor(total * (1 - shortfall)))
    throw new VendorError('incomplete', `The vendor speaks of ${total} devices and listed ${found}`)
}

/** Below so many, "far fewer" says nothing: one of three phones may well go. */
const fewDevices = 10
/** For how long `gatehouse vendor confirm` lets a sweep be small. */
const confirmedFor = 3_600_000

async function checkSize(
  { name, connector, record, smallest, now }: PollDependencies,
  found: number,
): Promise<void> {
  const known = await record.managedDevices.count(name)
  if (connector.mayBeEmpty && known === 0) return
  const tooFew = found === 0 || (known >= fewDevices && found < known * smallest)
  if (!tooFew) return
  const confirmed = await record.sweeps.confirmedAt(name)
  if (confirmed !== undefined && now() - confirmed < confirmedFor) return
  const words = found === 0 ? 'no device at all' : `${found} devices`
  const hint = `if that is right: gatehouse vendor confirm ${name}`
  throw new VendorError('incomplete', `The vendor reports ${words}, where ${known} were known; ${hint}`)
}

/** So many are asked for one by one before they are given up; more than that are a matter for the brake. */
const askedBeforeGone = 100

/** Pages shift while they are read: who was missed is asked for before being declared gone. */
async function removeGone(deps: PollDependencies, { news, seen, signal }: Reading): Promise<number> {
  const missing = await missingFrom(deps, seen)
  const { lookup } = deps.connector
  // A record without an id may be any of them.
  if (news.unreadable > 0 && (lookup === undefined || missing.length > askedBeforeGone)) return 0
  if (lookup === undefined || missing.length > askedBeforeGone) {
    await news.remove(missing)
    return missing.length
  }
  let gone = 0
  for (const id of missing) {
    const answer = await lookup.call(deps.connector, id, signal)
    if (answer === 'gone') {
      await news.removeOne(id)
      gone++
    } else await news.keepOne(answer, false)
  }
  return gone
}

async function missingFrom(
  { name, record, latest }: PollDependencies,
  seen: ReadonlySet<string>,
): Promise<string[]> {
  const missing: string[] = []
  let after: string | undefined
  for (;;) {
    const ids = await record.managedDevices.ids(name, after, 1000)
    // One that was asked for meanwhile is there, or is removed already.
    missing.push(...ids.filter((id) => !seen.has(id) && !latest.isNewer(id)))
    after = ids.at(-1)
    if (after === undefined) return missing
    await breath()
  }
}

export function asVendorError(cause: unknown): VendorError {
  if (cause instanceof VendorError) return cause
  if (cause instanceof RecordUnavailable)
    return new VendorError('record', `What the vendor said cannot be kept: ${cause.message}`, { cause })
  const message = cause instanceof Error ? cause.message : String(cause)
  return new VendorError('protocol', `The connector failed: ${message}`, { cause })
}

/** One device, asked for by itself. @returns undefined when the vendor has no way to be asked */
export async function lookUp(
  deps: PollDependencies,
  ids: readonly string[],
  options: { readonly signal: AbortSignal; readonly refreshed?: ReadonlySet<string> },
): Promise<number | undefined> {
  const { connector } = deps
  if (connector.lookup === undefined) return undefined
  const news = new News(deps)
  try {
    for (const id of ids) {
      const answer: ManagedDevice | 'gone' = await connector.lookup(id, options.signal)
      if (answer === 'gone') await news.removeOne(id)
      else await news.keepOne(answer, options.refreshed !== undefined)
    }
  } finally {
    if (!options.signal.aborted) await news.settle(options.refreshed)
  }
  return news.changed
}
