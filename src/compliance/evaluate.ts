import type { Posture } from '../domain/posture.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { DeviceKey, Store, StoredDevice } from '../store/ports.ts'
import { distinct, keyName, keysOfDevice, keysOfRegistration } from './device-record.ts'
import { type KnownDevice, type PostureRules, posturesOf } from './posture.ts'

export type ComplianceRecord = Pick<
  Store,
  'managedDevices' | 'postures' | 'links' | 'sweeps' | 'registrations' | 'audit'
>

export interface EvaluateDependencies {
  readonly record: ComplianceRecord
  readonly rules: PostureRules
  /** The connections of the settings. Devices of others are in the record still, and count for nothing. */
  readonly vendors: readonly string[]
  readonly now: () => number
}

/** A registration whose posture is not what it should be. */
export interface Outdated {
  readonly before: DeviceState
  readonly posture: Posture
  /** The device that it was matched to is not at its vendor any more: wiped, retired or deleted. */
  readonly gone: boolean
}

export interface Subjects {
  readonly keys?: readonly DeviceKey[]
  /** Of registrations. */
  readonly ids?: readonly string[]
}

/**
 * Judges the registrations that the keys and ids lead to, together with all that bears on them: other clients of the same
 * people, their devices, links. Reads only.
 * @param refreshed registrations whose posture is rewritten also when only the time of its news has changed
 */
export async function evaluate(
  subjects: Subjects,
  deps: EvaluateDependencies,
  refreshed: ReadonlySet<string> = new Set(),
): Promise<readonly Outdated[]> {
  const { record, rules, now } = deps
  const { registrations, devices } = await household(subjects, deps)
  if (registrations.length === 0) return []
  const ids = registrations.map(({ registration }) => registration.id)
  const swept = await record.sweeps.lastComplete()
  const postures = posturesOf(
    {
      registrations,
      devices: devices.map(toKnown),
      links: await record.links.of(ids),
      approved: await record.links.approvedAmong(ids),
      unread: deps.vendors.filter((vendor) => !swept.has(vendor)),
    },
    rules,
    now(),
  )
  const present = new Map(devices.map(({ device }) => [nameOf(device.vendor, device.vendorDeviceId), device]))
  return registrations.flatMap((before) => {
    const posture = postures.get(before.registration.id)
    if (posture === undefined) return []
    const rewrite = refreshed.has(before.registration.id) && posture.checkedAt !== before.posture.checkedAt
    if (!rewrite && isSame(before.posture, posture)) return []
    const { vendor, device } = before.posture
    const known = vendor !== undefined && deps.vendors.includes(vendor) && swept.has(vendor)
    const there = device === undefined || !known ? undefined : present.get(nameOf(vendor, device))
    const gone = posture.state === 'unmanaged' && device !== undefined && known
    return [{ before, posture, gone: gone && (there === undefined || there.management === 'gone') }]
  })
}

function nameOf(vendor: string, device: string): string {
  return `${vendor}\n${device}`
}

function toKnown({ device, learntAt }: StoredDevice): KnownDevice {
  return { ...device, learntAt }
}

/** Two rounds: from the subjects to their people, and from these to everything that is theirs. */
async function household({ keys = [], ids = [] }: Subjects, deps: EvaluateDependencies) {
  const { record, vendors } = deps
  const seen = new Set<string>()
  let registrations = await record.postures.find({ keys, ids })
  let devices: readonly StoredDevice[] = []
  let unseen: readonly DeviceKey[] = keys
  for (let round = 0; round < 2; round++) {
    const own = registrations.flatMap(({ registration }) =>
      keysOfRegistration(registration, deps.rules.aliases),
    )
    const fresh = distinct([...unseen, ...own]).filter((key) => !seen.has(keyName(key)))
    for (const key of fresh) seen.add(keyName(key))
    const found = await record.managedDevices.byKeys(fresh)
    devices = merged(
      devices,
      found.filter(({ device }) => vendors.includes(device.vendor)),
    )
    unseen = distinct(found.flatMap(({ device }) => keysOfDevice(device))).filter(
      (key) => !seen.has(keyName(key)),
    )
    const more = await record.postures.find({ keys: [...fresh, ...unseen] })
    registrations = [
      ...new Map([...registrations, ...more].map((state) => [state.registration.id, state])).values(),
    ]
  }
  const others = await record.managedDevices.byKeys(unseen)
  devices = merged(
    devices,
    others.filter(({ device }) => vendors.includes(device.vendor)),
  )
  return { registrations, devices: await withLinked(registrations, devices, deps) }
}

function merged(a: readonly StoredDevice[], b: readonly StoredDevice[]): readonly StoredDevice[] {
  return [
    ...new Map(
      [...a, ...b].map((one) => [nameOf(one.device.vendor, one.device.vendorDeviceId), one]),
    ).values(),
  ]
}

/** An administrator may link a client to a device that nothing else leads to. */
async function withLinked(
  registrations: readonly DeviceState[],
  devices: readonly StoredDevice[],
  { record, vendors }: EvaluateDependencies,
): Promise<readonly StoredDevice[]> {
  const links = await record.links.of(registrations.map(({ registration }) => registration.id))
  const linked: StoredDevice[] = []
  for (const { vendor, vendorDeviceId } of links.values()) {
    const stored = vendors.includes(vendor)
      ? await record.managedDevices.get(vendor, vendorDeviceId)
      : undefined
    if (stored !== undefined) linked.push(stored)
  }
  return merged(devices, linked)
}

/** When the news came is no difference: see `Posture.checkedAt`. */
function isSame(a: Posture, b: Posture): boolean {
  return (
    a.state === b.state &&
    a.match === b.match &&
    a.vendor === b.vendor &&
    a.reason === b.reason &&
    a.device === b.device &&
    a.graceUntil === b.graceUntil &&
    a.surplus === b.surplus &&
    String(a.reportedBy) === String(b.reportedBy)
  )
}

/** Keeps the keys by which a change of a device finds these registrations. */
export async function keepMatchKeys(
  registrations: readonly DeviceState[],
  { record, rules }: Pick<EvaluateDependencies, 'record' | 'rules'>,
): Promise<void> {
  const known = await record.postures.keysOf(registrations.map(({ registration }) => registration.id))
  const outdated = new Map<string, readonly DeviceKey[]>()
  for (const { registration } of registrations) {
    const keys = keysOfRegistration(registration, rules.aliases)
    const before = distinct(known.get(registration.id) ?? [])
    if (before.map(keyName).join() !== keys.map(keyName).join()) outdated.set(registration.id, keys)
  }
  await record.postures.setKeys(outdated)
}
