/**
 * Compliance: what MDM vendors know of devices becomes the posture of registrations. `poll.ts` asks the vendors and keeps
 * what they say in the record; `evaluate.ts` reads what concerns one person; `match.ts` (this file) finds which managed
 * device a registered client runs on; `posture.ts` says what follows from it; `brake.ts` holds what would turn away too
 * many at once; `connectors/` speak to the vendors. Deciding is pure: no I/O, no clock.
 */
import type { DeviceIdKind, DeviceIds } from '../domain/device-ids.ts'
import type { ManagedDevice } from '../domain/managed-device.ts'
import type { Match } from '../domain/posture.ts'
import type { Registration } from '../domain/registration.ts'
import { normaliseEasId } from '../lib/device-id.ts'
import { modelFits, platformFits, versionFits } from './description.ts'
import { type Aliases, isSamePerson, namesOf, namesOfDevice } from './user-names.ts'

export interface Found {
  readonly match: Match
  /** Exact: the one device, once for each vendor that reports it. Ambiguous: all that it may be. */
  readonly devices: readonly ManagedDevice[]
  /** What made it exact. */
  readonly by?: DeviceIdKind | 'hand'
}

export interface MatchContext {
  readonly aliases: Aliases
  /** The device that an administrator has linked this registration to. */
  readonly linked?: { readonly vendor: string; readonly vendorDeviceId: string }
  readonly now: number
}

/**
 * A link by hand wins, then a unique id, then user, type and version.
 * @param devices all that may concern this registration: those with its ids, and those of its user
 */
export function matchRegistration(
  registration: Registration,
  devices: readonly ManagedDevice[],
  context: MatchContext,
): Found {
  const present = devices.filter(({ management }) => management !== 'gone')
  return (
    byHand(present, context) ??
    byProvenId(registration, devices) ??
    byEasId(registration, devices, context) ??
    byUser(registration, present, context)
  )
}

function byHand(devices: readonly ManagedDevice[], { linked }: MatchContext): Found | undefined {
  if (linked === undefined) return undefined
  const device = devices.find(
    ({ vendor, vendorDeviceId }) => vendor === linked.vendor && vendorDeviceId === linked.vendorDeviceId,
  )
  // Nobody else's device takes the place of one that is gone: the administrator named this one.
  if (device === undefined) return { match: 'none', devices: [], by: 'hand' }
  return { match: 'exact', devices: withOtherVendors(device, devices), by: 'hand' }
}

/** Strongest first. What two devices of one vendor share (a serial that was typed in twice) identifies neither. */
const provenKinds = ['enrollment', 'udid', 'entraDeviceId', 'imei', 'meid', 'serial'] as const

function byProvenId({ deviceIds }: Registration, devices: readonly ManagedDevice[]): Found | undefined {
  if (deviceIds === undefined) return undefined
  for (const kind of [...provenKinds, 'easDeviceId'] as const) {
    const wanted = idsOf(deviceIds, kind)
    const exact = exactly(
      devices.filter(({ ids }) => idsOf(ids, kind).some((id) => wanted.includes(id))),
      devices,
    )
    if (exact !== undefined) return { match: 'exact', devices: exact, by: kind }
  }
  return undefined
}

/**
 * The DeviceId of ActiveSync is the client's word, good together with its user's credentials only: with somebody else's
 * DeviceId one's own phone would pass for theirs. So the device has to be this user's.
 */
function byEasId(
  registration: Registration,
  devices: readonly ManagedDevice[],
  { aliases }: MatchContext,
): Found | undefined {
  const claimed = normaliseEasId(registration.device.claimedId)
  if (claimed === undefined) return undefined
  const names = namesOf(registration.user, aliases)
  const exact = exactly(
    devices.filter(
      (device) =>
        device.ids.easDeviceId?.includes(claimed) === true && isSamePerson(names, namesOfDevice(device)),
    ),
    devices,
  )
  return exact === undefined ? undefined : { match: 'exact', devices: exact, by: 'easDeviceId' }
}

function exactly(
  hits: readonly ManagedDevice[],
  all: readonly ManagedDevice[],
): readonly ManagedDevice[] | undefined {
  const present = hits.filter(({ management }) => management !== 'gone')
  // An old record of the same device stays behind when it is enrolled again: the present one counts.
  const counted = present.length > 0 ? present : hits
  const [first] = counted
  if (first === undefined || new Set(counted.map(({ vendor }) => vendor)).size < counted.length)
    return undefined
  return withOtherVendors(first, [
    ...new Set([...counted, ...all.filter((device) => device.management !== 'gone')]),
  ])
}

/** The same device as other vendors report it: it shares a unique id with this one. */
function withOtherVendors(
  device: ManagedDevice,
  devices: readonly ManagedDevice[],
): readonly ManagedDevice[] {
  return [device, ...devices.filter((other) => other.vendor !== device.vendor && isSameDevice(device, other))]
}

export function isSameDevice(a: ManagedDevice, b: ManagedDevice): boolean {
  return [...provenKinds, 'easDeviceId' as const].some((kind) => {
    const ids = idsOf(a.ids, kind)
    return idsOf(b.ids, kind).some((id) => ids.includes(id))
  })
}

export function idsOf(ids: DeviceIds, kind: DeviceIdKind): readonly string[] {
  const value = ids[kind]
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function byUser(
  registration: Registration,
  devices: readonly ManagedDevice[],
  { aliases, now }: MatchContext,
): Found {
  const names = namesOf(registration.user, aliases)
  const possible = devices.filter(
    (device) => isSamePerson(names, namesOfDevice(device)) && isPossible(registration, device),
  )
  const candidates = narrowed(registration, possible, now)
  const different = candidates.filter(
    (device, index) => !candidates.slice(0, index).some((before) => isOneDevice(before, device)),
  )
  if (different.length === 0) return { match: 'none', devices: [] }
  return { match: different.length === 1 ? 'likely' : 'ambiguous', devices: candidates }
}

function isOneDevice(a: ManagedDevice, b: ManagedDevice): boolean {
  return a.vendor !== b.vendor && isSameDevice(a, b)
}

function isPossible({ device: claimed, registeredAt }: Registration, device: ManagedDevice): boolean {
  return (
    platformFits(claimed, device) !== false &&
    modelFits(claimed, device) !== false &&
    versionFits(claimed, device, registeredAt) !== 'contradicts'
  )
}

/**
 * For how long the version that a client had when it registered tells its device from another. One that it says later
 * tells nothing: what it wants to be taken for is in its own hands by then, and inventories are behind after an update.
 */
const versionTells = 30 * 86_400_000

/** Among several, those that fit in every point leave out those that only may have changed since. */
function narrowed(
  { device: claimed, registeredAt }: Registration,
  devices: readonly ManagedDevice[],
  now: number,
): readonly ManagedDevice[] {
  const byPlatform = preferred(
    devices,
    (device) => claimed.platform === device.platform && claimed.platform !== 'macos',
  )
  const byModel = preferred(byPlatform, (device) => modelFits(claimed, device) === true)
  if (claimed.osVersionSince !== undefined || now - registeredAt > versionTells) return byModel
  return preferred(byModel, (device) => {
    const fit = versionFits(claimed, device, registeredAt)
    return fit === 'same' || fit === undefined
  })
}

function preferred(
  devices: readonly ManagedDevice[],
  fits: (device: ManagedDevice) => boolean,
): readonly ManagedDevice[] {
  const fitting = devices.filter(fits)
  return fitting.length === 0 ? devices : fitting
}
