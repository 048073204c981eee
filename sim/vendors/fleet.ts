/** The devices of a simulated vendor, in no vendor's terms: each simulator writes them in its vendor's own. */

export interface SimulatedDevice {
  /** The vendor's key is made of it; a number in text, since several vendors count. */
  readonly id: string
  readonly udid: string
  readonly serial: string
  readonly imei: string
  readonly easId: string
  readonly entraId: string
  readonly user: string
  readonly email: string
  readonly displayName: string
  readonly platform: 'ios' | 'ipados' | 'android' | 'macos' | 'windows'
  readonly model: string
  readonly modelCode: string
  readonly osVersion: string
  /** `leaving`: a wipe is under way; `wiped`: it is over, and the vendor still lists the record. */
  readonly management: 'managed' | 'pending' | 'leaving' | 'wiped'
  readonly compliance: 'compliant' | 'noncompliant' | 'grace' | 'unknown'
  readonly compromised: boolean
  readonly reasons: readonly string[]
  /** Milliseconds since the epoch. */
  readonly lastSeen: number
  /** Milliseconds since the epoch, for vendors that tell what has changed. */
  readonly changed: number
  /** Members that replace those of the vendor's record: a value that the vendor never documented, a text of 10 MB. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** A whole device of the number `index`, like nobody else's. */
export function simulatedDevice(
  index: number,
  now: number,
  change: Partial<SimulatedDevice> = {},
): SimulatedDevice {
  const kind = kinds[index % kinds.length] as Kind // the index is within the list
  const digits = String(index).padStart(6, '0')
  const user = `user${index}`
  return {
    ...kind,
    id: String(1000 + index),
    udid: `0000811000${digits}3E40801E`.slice(0, 24),
    serial: `F17X${digits}Q1`,
    imei: `35209900${digits}1`,
    easId: `K6CKULJTID3SDEAI${digits}TTO`,
    entraId: `5c1e7f3a-0d62-4b1d-9d34-7f2e5a${digits}`,
    user,
    email: `${user}@example.com`,
    displayName: `User ${index}`,
    management: 'managed',
    compliance: 'compliant',
    compromised: false,
    reasons: [],
    lastSeen: now - 60_000,
    changed: now - 60_000,
    raw: {},
    ...change,
  }
}

type Kind = Pick<SimulatedDevice, 'platform' | 'model' | 'modelCode' | 'osVersion'>

const kinds: readonly Kind[] = [
  { platform: 'ios', model: 'iPhone 13', modelCode: 'iPhone14,5', osVersion: '17.5.1' },
  { platform: 'android', model: 'Galaxy S21', modelCode: 'SM-G991B', osVersion: '14' },
  { platform: 'ipados', model: 'iPad Air', modelCode: 'iPad13,16', osVersion: '17.4' },
]

/** Devices by id, in the order in which they came. */
export class Fleet {
  readonly #devices = new Map<string, SimulatedDevice>()
  readonly #now: () => number
  /** Kept until something changes: a fleet of 100,000 is listed page by page. */
  #list: SimulatedDevice[] | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#devices.size
  }

  list(): readonly SimulatedDevice[] {
    this.#list ??= [...this.#devices.values()]
    return this.#list
  }

  get(id: string): SimulatedDevice | undefined {
    return this.#devices.get(id)
  }

  /** Makes `count` devices of the numbers from `first` on. */
  fill(count: number, first = 1): void {
    for (let index = first; index < first + count; index++) this.add(simulatedDevice(index, this.#now()))
  }

  add(device: SimulatedDevice): void {
    this.#devices.set(device.id, device)
    this.#list = undefined
  }

  /** @returns undefined when there is no such device */
  change(id: string, change: Partial<SimulatedDevice>): SimulatedDevice | undefined {
    const device = this.#devices.get(id)
    if (device === undefined) return undefined
    const changed = { ...device, changed: this.#now(), ...change, id }
    this.#devices.set(id, changed)
    this.#list = undefined
    return changed
  }

  remove(id: string): boolean {
    this.#list = undefined
    return this.#devices.delete(id)
  }

  clear(): void {
    this.#devices.clear()
    this.#list = undefined
  }
}
