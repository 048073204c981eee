import type { DeviceDescription, Platform } from '../domain/client-identity.ts'
import type { ManagedDevice } from '../domain/managed-device.ts'
import { versionOf } from './platform.ts'

/**
 * Whether what a client said of itself can be this device of the MDM. Traffic lies and is frozen: what says nothing
 * reliable (Android "10; K", an iPad that says Macintosh, every Windows 10.0) does not count against a match, and what
 * does count can only exclude. All of it is chosen by the client: it finds a device, it proves none.
 */

/** Platforms that a claimed one may be in truth. */
const mayBe: Readonly<Record<Platform, readonly Platform[] | undefined>> = {
  // An iPhone's app on an iPad says iPhone, and some MDM systems call an iPad `iOS`.
  ios: ['ios', 'ipados'],
  ipados: ['ipados', 'ios'],
  // Safari on an iPad says Macintosh.
  macos: ['macos', 'ipados'],
  android: ['android'],
  windows: ['windows'],
  linux: ['linux'],
  // Android apps on ChromeOS say Android; ChromeOS itself is only ever that.
  chromeos: ['chromeos'],
  other: undefined,
}

/** The type under which clients and devices are counted: what cannot be told apart is one. */
export function typeOf(platform: Platform | undefined): string {
  if (platform === 'ios' || platform === 'ipados') return 'ios'
  return platform ?? 'other'
}

/** @returns undefined when the client says nothing that would tell */
export function platformFits(claimed: DeviceDescription, device: ManagedDevice): boolean | undefined {
  if (claimed.platform === undefined || device.platform === undefined) return undefined
  const truths = mayBe[claimed.platform]
  if (truths === undefined) return undefined
  if (!truths.includes(device.platform)) return false
  // Two names that are surely of different kinds of device: the vendor has said the model.
  if (claimed.platform === 'ipados' && device.platform === 'ios') return !isPhone(device)
  return true
}

function isPhone({ model, modelCode }: ManagedDevice): boolean {
  return /^(?:apple )?(?:iphone|ipod)/i.test(model ?? '') || /^(?:iphone|ipod)/i.test(modelCode ?? '')
}

/** `iPhone15,2`, `iPhone15C2`, `SM-G991B`, `SMG991B`: compared only where both sides give a hardware code of the same maker. */
export function modelFits(claimed: DeviceDescription, device: ManagedDevice): boolean | undefined {
  const code = codeOf(claimed.model)
  const other = codeOf(device.modelCode) ?? codeOf(device.model)
  if (code === undefined || other === undefined) return undefined
  if (code.slice(0, 2) !== other.slice(0, 2)) return undefined
  return code === other
}

function codeOf(model: string | undefined): string | undefined {
  if (model === undefined || model.length > 64) return undefined
  const apple = /^(iphone|ipad|ipod)(\d{1,3})[,c](\d{1,3})$/i.exec(model)
  if (apple) return `${apple[1]}${apple[2]}c${apple[3]}`.toLowerCase()
  const samsung = /^(?:samsung[ -]?)?(sm)-?([a-z]\d{3,4}[a-z0-9]{0,3})$/i.exec(model)
  return samsung ? `${samsung[1]}${samsung[2]}`.toLowerCase() : undefined
}

export type VersionFit =
  /** One is the other, as far as both say. */
  | 'same'
  /** The device has been updated since it registered. */
  | 'newer'
  /** The vendor's inventory may be behind. */
  | 'older'
  | 'contradicts'
  | undefined

/** How far behind an inventory may be after the device was last seen. */
const inventoryLag = 86_400_000

/**
 * The claimed version is the one at registration, or the one to which the client has been updated since: the device may
 * be newer by now. It is never older, unless the MDM has not yet taken its inventory since; then by one major version at
 * most. After an update an inventory that stays behind excludes nothing: the device was this client's before, and Apple's
 * versions jump from 18 to 26.
 */
export function versionFits(
  claimed: DeviceDescription,
  device: ManagedDevice,
  registeredAt: number,
): VersionFit {
  const said = trustedVersion(claimed)
  const known = comparable(device.osVersion, device.platform)
  // A version says something only about the platform that it belongs to: an iPad that says Macintosh gives a Mac's.
  if (said === undefined || known === undefined || typeOf(claimed.platform) !== typeOf(device.platform))
    return undefined
  const order = compare(known, said)
  if (order === 0) return 'same'
  if (order > 0) return 'newer'
  if (claimed.osVersionSince !== undefined) return 'older'
  if (device.lastSeen !== undefined && device.lastSeen > registeredAt + inventoryLag) return 'contradicts'
  return said[0]! - known[0]! <= 1 ? 'older' : 'contradicts'
}

/** What browsers have frozen is no version, whoever passed it on. */
function trustedVersion({
  platform,
  osVersion,
  model,
  userAgent,
}: DeviceDescription): readonly number[] | undefined {
  const version = comparable(osVersion, platform)
  if (version === undefined) return undefined
  if (platform === 'android' && version[0] === 10 && (model === undefined || model === 'K')) return undefined
  if (platform === 'macos' && version[0] === 10 && version[1] === 15) return undefined
  if (platform === 'windows' && version[0] === 10) return undefined
  const frozenApple = /\bVersion\/(?:2[6-9]|[3-9]\d)\./.test(userAgent ?? '') && version[0] === 18
  return frozenApple ? undefined : version
}

function comparable(text: string | undefined, platform: Platform | undefined): readonly number[] | undefined {
  const version = versionOf(text, platform)
  if (version === undefined) return undefined
  const numbers = version.split('.').map(Number)
  if (platform !== 'windows') return numbers
  // 10.0.22000 was the first Windows 11.
  const [major, , build] = numbers
  if (major === 10 && build !== undefined) return [build >= 22_000 ? 11 : 10]
  return [major!]
}

/** Number by number, as far as both go. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = a[index]! - b[index]!
    if (difference !== 0) return difference
  }
  return 0
}
