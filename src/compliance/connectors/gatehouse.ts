import type { Enrollment, Inventory, JsonObject, JsonValue } from '../../domain/enrollment.ts'
import type { ComplianceState, ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import type { GatehouseSettings } from '../../settings/sections/vendors/gatehouse.ts'
import type { DeviceProfile } from '../../store/profile-ports.ts'
import {
  type Connector,
  type ConnectorOptions,
  type EnrolledFleet,
  VendorError,
  type VendorPage,
} from './connector.ts'
import { defined } from './parts/record.ts'

/**
 * Devices that Gatehouse itself has enrolled: it asks nobody, but reads in the record what they have told last. The channels
 * of a device's people are no devices.
 */
export function createGatehouse(options: ConnectorOptions<GatehouseSettings>): Connector {
  return new Gatehouse(options)
}

const pageSize = 200

class Gatehouse implements Connector {
  readonly mayBeEmpty = true
  readonly enrolls = true
  readonly #name: string
  readonly #settings: GatehouseSettings
  readonly #fleet: EnrolledFleet | undefined

  constructor({ name, settings, fleet }: ConnectorOptions<GatehouseSettings>) {
    this.#name = name
    this.#settings = settings
    this.#fleet = fleet
  }

  async *sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    const { enrollments, deviceProfiles } = this.#open()
    let after: string | undefined
    for (;;) {
      signal.throwIfAborted()
      const all = await enrollments.list({ limit: pageSize, ...(after !== undefined && { after }) })
      const devices = all.filter(isDevice)
      const rows = await deviceProfiles.of(devices.map(({ id }) => id))
      const profiles = Map.groupBy(rows, ({ enrollment }) => enrollment)
      const read: ManagedDevice[] = []
      for (const device of devices) read.push(await this.#read(device, profiles.get(device.id) ?? []))
      if (read.length > 0 || after === undefined) yield { devices: read }
      after = all.at(-1)?.id
      if (after === undefined || all.length < pageSize) return
      // The record may answer without ever letting anything else run.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async lookup(id: string): Promise<ManagedDevice | 'gone'> {
    const { enrollments, deviceProfiles } = this.#open()
    const enrollment = await enrollments.get(id)
    if (enrollment === undefined || !isDevice(enrollment)) return 'gone'
    return this.#read(enrollment, await deviceProfiles.of([id]))
  }

  async close(): Promise<void> {}

  /** @throws VendorError when this program was not given the record, which is its own mistake */
  #open(): EnrolledFleet {
    if (this.#fleet === undefined)
      throw new VendorError('settings', 'the record of enrolled devices is not open here')
    return this.#fleet
  }

  async #read(enrollment: Enrollment, profiles: readonly DeviceProfile[]): Promise<ManagedDevice> {
    const { id, ids, user, device, state, lastSeenAt } = enrollment
    const inventory = await this.#open().enrollments.inventory(id)
    const name = user?.toLowerCase()
    const { compliance, reasons } = verdict({ enrollment, inventory, profiles }, this.#settings)
    return {
      ...{ vendor: this.#name, vendorDeviceId: id, platform: device.platform },
      ids: { ...ids, enrollment: id },
      user: name === undefined ? {} : { name, ...(name.includes('@') && { upn: name }) },
      management: managementOf[state],
      ...{ compliance, reasons, lastSeen: lastSeenAt },
      ...defined({ model: device.model, modelCode: device.productName, osVersion: device.osVersion }),
    }
  }
}

function isDevice({ kind }: Enrollment): boolean {
  return kind === 'device' || kind === 'user-enrollment'
}

const managementOf: Readonly<Record<Enrollment['state'], ManagementState>> = {
  pending: 'pending',
  enrolled: 'managed',
  leaving: 'leaving',
  gone: 'gone',
}

interface Facts {
  readonly enrollment: Enrollment
  readonly inventory: Inventory
  readonly profiles: readonly DeviceProfile[]
}

interface Verdict {
  readonly compliance: ComplianceState
  readonly reasons: readonly string[]
}

/** What a device has not told of yet is unknown, and never compliant. */
function verdict(facts: Facts, settings: GatehouseSettings): Verdict {
  const { enrollment, inventory } = facts
  const security = freshSecurity(enrollment, inventory)
  const checks = [
    ...(settings.passcode ? [passcodeOf(security)] : []),
    ...(settings.encryption ? [encryptionOf(security, enrollment)] : []),
  ]
  const reasons = [
    ...checks.filter((check) => typeof check === 'string'),
    ...(settings.profiles ? missingProfiles(facts) : []),
  ]
  if (reasons.length > 0) return { compliance: 'noncompliant', reasons }
  return { compliance: checks.includes(undefined) ? 'unknown' : 'compliant', reasons }
}

/** What was told before the device was enrolled anew is of another owner, or of before it was erased. */
function freshSecurity({ authenticatedAt }: Enrollment, inventory: Inventory): JsonObject | undefined {
  const told = inventory['security-info']
  return told !== undefined && told.at >= authenticatedAt ? told.values : undefined
}

/** In words what is wrong; true: nothing; undefined: not known. */
type Check = string | true | undefined

function passcodeOf(security: JsonObject | undefined): Check {
  const present = security?.PasscodePresent
  if (present === false) return 'No passcode'
  const rules = [security?.PasscodeCompliant, security?.PasscodeCompliantWithProfiles]
  if (rules.includes(false)) return 'The passcode does not fit its rules'
  // Macs do not say whether there is one: their users sign in with a password.
  return present === true || rules.includes(true) ? true : undefined
}

function encryptionOf(security: JsonObject | undefined, { device: { platform } }: Enrollment): Check {
  if (platform === 'macos') return stated(security?.FDE_Enabled, 'FileVault is off')
  const capabilities = security?.HardwareEncryptionCaps
  if (typeof capabilities !== 'number') return undefined
  // Bit 2: by file. Without a passcode the key is there for everybody.
  if ((capabilities & 2) === 0) return 'The storage is not encrypted'
  return stated(security?.PasscodePresent, 'The storage is not encrypted: there is no passcode')
}

function stated(value: JsonValue | undefined, words: string): Check {
  if (typeof value !== 'boolean') return undefined
  return value ? true : words
}

/** A profile of which a newer revision is on its way is there all the same. */
function missingProfiles({ enrollment, inventory, profiles }: Facts): readonly string[] {
  const told = inventory.profiles
  const list = told !== undefined && told.at >= enrollment.authenticatedAt ? told.values.list : undefined
  const there = new Set(Array.isArray(list) ? list.map((one: JsonObject) => one.PayloadIdentifier) : [])
  return profiles
    .filter(({ required, action }) => required && action === 'install')
    .filter(({ identifier, state, at }) => {
      const installed = state === 'done' && at >= enrollment.authenticatedAt
      const lost = told !== undefined && told.at > at && !there.has(identifier)
      return installed ? lost : !there.has(identifier)
    })
    .map(({ identifier }) => `The profile ${identifier} is missing`)
}
