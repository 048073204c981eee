import type { ManagedDevice } from '../../../domain/managed-device.ts'
import { isObject } from '../../../lib/json.ts'
import { VendorError, type VendorPage } from '../connector.ts'
import type { VendorRecord } from './record.ts'

/** The records of one page, as devices. `read` gives undefined for a record without an id. */
export function readPage(
  records: readonly unknown[],
  total: number | undefined,
  read: (record: VendorRecord) => ManagedDevice | undefined,
): VendorPage {
  const devices: ManagedDevice[] = []
  let unreadable = 0
  for (const record of records) {
    const device = isObject(record) ? read(record) : undefined
    if (device === undefined) unreadable++
    else devices.push(device)
  }
  return {
    devices,
    ...(total !== undefined && { total }),
    ...(unreadable > 0 && { unreadable: { count: unreadable, reason: 'a record has no id' } }),
  }
}

/** The list at `value`. @throws VendorError `protocol` when it is none: an answer without its list is not an empty fleet */
export function listAt(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new VendorError('protocol', `an answer has no list \`${name}\``)
}

/** @throws VendorError `protocol` when the answer is no JSON object */
export function objectIn(value: unknown): VendorRecord {
  if (isObject(value)) return value
  throw new VendorError('protocol', 'an answer is no JSON object')
}

/** Pages in a row that say nothing new: a vendor that ignores the page number would be read without end. */
const mostRepeats = 2

/**
 * Follows a sweep: gives each device once, and says at the end whether it was the whole fleet. Pages shift while they
 * are read, so that a device may come twice and another be missed: more than one in fifty missing is not a whole fleet.
 */
export class SweepWatch {
  readonly #seen = new Set<string>()
  #unreadable = 0
  #total: number | undefined
  #totalOfOthers = 0
  #repeats = 0

  /** How many different records there were so far. */
  get seen(): number {
    return this.#seen.size + this.#unreadable
  }

  /** Another list of the same fleet begins, with a total of its own. */
  nextList(): void {
    this.#totalOfOthers += this.#total ?? 0
    this.#total = undefined
    this.#repeats = 0
  }

  /** The page without devices that came before. @throws VendorError `incomplete` when pages only repeat */
  page(page: VendorPage): VendorPage {
    this.#total = page.total ?? this.#total
    this.#unreadable += page.unreadable?.count ?? 0
    const devices = page.devices.filter(({ vendorDeviceId }) => !this.#seen.has(vendorDeviceId))
    const once = new Map(devices.map((device) => [device.vendorDeviceId, device]))
    for (const id of once.keys()) this.#seen.add(id)
    this.#repeats = page.devices.length > 0 && once.size === 0 ? this.#repeats + 1 : 0
    if (this.#repeats >= mostRepeats)
      throw new VendorError('incomplete', 'the vendor gives the same page again')
    return { ...page, devices: [...once.values()] }
  }

  /** @throws VendorError `incomplete` when too few devices came */
  end(): void {
    const total = this.#totalOfOthers + (this.#total ?? 0)
    const missing = total - this.seen
    if (missing <= Math.ceil(total * 0.02) && !(this.seen === 0 && total > 0)) return
    throw new VendorError('incomplete', `the vendor speaks of ${total} devices and listed ${this.seen}`)
  }
}
