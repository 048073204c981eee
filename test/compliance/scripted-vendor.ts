import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { Compliance, type ComplianceOptions } from '../../src/compliance/compliance.ts'
import { type Connector, VendorError, type VendorPage } from '../../src/compliance/connectors/connector.ts'
import { confirmHeld } from '../../src/compliance/held.ts'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import type { ManagedDevice } from '../../src/domain/managed-device.ts'
import type { Posture } from '../../src/domain/posture.ts'
import type { Registration } from '../../src/domain/registration.ts'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

/** A vendor that says what its script says. */
export class ScriptedVendor implements Connector {
  devices: ManagedDevice[]
  mayBeEmpty = false
  pageSize = 100
  /** Thrown after so many pages. */
  breaksAfter: number | undefined
  total: number | undefined
  unreadable = 0
  asked: string[] = []
  readonly lookup?: NonNullable<Connector['lookup']>

  constructor(devices: readonly ManagedDevice[], options: { readonly lookup?: boolean } = {}) {
    this.devices = [...devices]
    if (options.lookup === true)
      this.lookup = async (id) => {
        this.asked.push(id)
        return this.devices.find(({ vendorDeviceId }) => vendorDeviceId === id) ?? 'gone'
      }
  }

  async *sweep(): AsyncIterable<VendorPage> {
    const { devices, pageSize } = this
    for (let page = 0; page * pageSize < Math.max(devices.length, 1); page++) {
      if (this.breaksAfter === page) throw new VendorError('unreachable', 'the answer broke off')
      yield {
        devices: devices.slice(page * pageSize, (page + 1) * pageSize),
        ...(this.total !== undefined && { total: this.total }),
        ...(this.unreadable > 0 && { unreadable: { count: this.unreadable, reason: 'no id' } }),
      }
    }
  }

  change(id: string, change: Partial<ManagedDevice>): void {
    this.devices = this.devices.map((one) => (one.vendorDeviceId === id ? { ...one, ...change } : one))
  }

  async close(): Promise<void> {}
}

export const start = 1_760_000_000_000

export function device(id: string, change: Partial<ManagedDevice> = {}): ManagedDevice {
  return {
    vendor: 'mdm',
    vendorDeviceId: id,
    ids: {},
    user: { name: 'ann' },
    platform: 'ios',
    osVersion: '18.1',
    management: 'managed',
    compliance: 'compliant',
    lastSeen: start,
    reasons: [],
    ...change,
  }
}

export interface Office {
  readonly store: Store
  readonly clock: { now: number }
  readonly vendors: Readonly<Record<string, ScriptedVendor>>
  readonly held: { vendor: string; held: number; news: number }[]
  readonly compliance: Compliance
  register(id: string, change?: Partial<Registration>): Promise<void>
  /** One sweep, and what follows from it. @throws VendorError */
  poll(vendor?: string): Promise<void>
  posture(id: string): Promise<Posture | undefined>
  /** What `gatehouse vendor confirm` does. @returns how many it hit */
  confirm(vendor?: string, at?: number): Promise<number>
}

/** A record, vendors that are scripted, and nothing that runs by itself. */
export async function office(
  t: Test,
  vendors: Readonly<Record<string, ScriptedVendor>>,
  options: Partial<ComplianceOptions> = {},
): Promise<Office> {
  const clock = { now: start }
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => clock.now })
  t.teardown(() => store.close())
  const held: Office['held'] = []
  const { rules, ...rest } = options
  const allRules: ComplianceOptions['rules'] = {
    ...{ grace: 'allow', maxSilence: undefined, surplus: 'refuse', aliases: aliasesOf([]) },
    ...rules,
  }
  const compliance = new Compliance({
    record: store,
    changes: store.changes,
    vendors: Object.entries(vendors).map(([name, connector]) => ({ name, connector })),
    rules: allRules,
    brake: { maxNewlyBlocked: 0.1, atLeast: 20 },
    whenGone: 'keep',
    smallestSweep: 0.5,
    interval: 100_000,
    askAgain: 100_000,
    now: () => clock.now,
    random: () => 0.5,
    sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal, ref: false }),
    events: {
      onPoll: () => {},
      onHeld: (vendor, count, news) => held.push({ vendor, held: count, news }),
      onError: (error) => t.fail('an error of ours', { cause: error }),
    },
    ...rest,
  })
  const first = Object.keys(vendors)[0] ?? ''
  return {
    store,
    clock,
    vendors,
    held,
    compliance,
    async register(id, change = {}) {
      const registration: Registration = {
        id,
        service: 'mail',
        user: 'ann',
        binding: 'cookie',
        device: { type: 'iPhone', platform: 'ios', osVersion: '18.1' },
        evidence: ['network'],
        networks: [],
        rule: 'Wi-Fi',
        source: '127.20.0.5',
        registeredAt: clock.now++,
        ...change,
      }
      await store.registrations.register(registration, [{ binding: 'cookie', hash: `key of ${id}` }], 1000)
    },
    async poll(vendor = first) {
      clock.now += 1000
      await compliance.pollOnce(vendor, new AbortController().signal)
    },
    async posture(id) {
      return (await store.registrations.get(id))?.posture
    },
    confirm(vendor = first, at = clock.now) {
      const { whenGone = 'keep' } = options
      const deps = { record: store, whenGone, rules: allRules, vendors: Object.keys(vendors) }
      return confirmHeld(vendor, { ...by, at }, deps)
    },
  }
}

export const by = { name: 'root', why: 'checked', at: start }
