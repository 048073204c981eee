import type { ComplianceState, ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import { isObject } from '../../../lib/json.ts'
import { managedDevice } from '../parts/device.ts'
import { flag, instant, member, object, text, texts, type VendorRecord } from '../parts/record.ts'

export interface BlackBerryReading {
  readonly vendor: string
  /** Activation types that manage nothing, in upper case. */
  readonly unmanagedTypes: ReadonlySet<string>
}

/** A user of UEM: user devices do not name theirs. */
export interface BlackBerryUser {
  readonly name: string | undefined
  readonly email: string | undefined
  readonly upn: string | undefined
}

export const unknownUser: BlackBerryUser = { name: undefined, email: undefined, upn: undefined }

export function readUser(record: VendorRecord): BlackBerryUser {
  return {
    name: text(record, 'username'),
    email: text(record, 'emailAddress'),
    upn: text(record, 'userPrincipalName', 'upn'),
  }
}

/**
 * @param userDevice as `/users/{guid}/userDevices` has it: only there are compliance and the last contact
 * @returns undefined for a record without a device's guid
 */
export function readUserDevice(
  userDevice: VendorRecord,
  user: BlackBerryUser,
  reading: BlackBerryReading,
): ManagedDevice | undefined {
  const device = object(userDevice, 'device')
  const id = device && text(device, 'guid')
  if (device === undefined || id === undefined) return undefined
  const violations = violationsOf(userDevice)
  const management = managementOf(userDevice, reading)
  return managedDevice(reading.vendor, {
    ...described(device, id),
    userName: user.name,
    upn: user.upn,
    email: user.email,
    management,
    compliance: complianceOf(userDevice, violations),
    compromised: violations?.some(isJailbreak) ? true : flag(device, 'compromised'),
    lastSeen: instant(userDevice, 'lastContactTime'),
    reasons: [
      ...(violations ?? []).map(({ words }) => words),
      ...(management === 'managed' ? [] : texts(userDevice, 'enrollmentType', 'enrollmentState')),
    ],
  })
}

/** A device whose user could not be told: what it is, and nothing of its compliance. */
export function readBareDevice(device: VendorRecord, reading: BlackBerryReading): ManagedDevice | undefined {
  const id = text(device, 'guid')
  if (id === undefined) return undefined
  return managedDevice(reading.vendor, {
    ...described(device, id),
    management: 'unknown',
    compliance: 'unknown',
    compromised: flag(device, 'compromised'),
    reasons: ['UEM names no user of this device'],
  })
}

function described(device: VendorRecord, id: string) {
  return {
    id,
    udid: text(device, 'udid'),
    serial: text(device, 'serialNumber'),
    imei: [text(device, 'imei')],
    meid: text(device, 'meid'),
    easDeviceId: [text(device, 'activeSyncId')],
    platform: text(device, 'osFamilyName') ?? text(device, 'os'),
    model: text(device, 'hardwareModel'),
    modelCode: text(device, 'hardwareName'),
    osVersion: text(device, 'osVersion') ?? text(device, 'os'),
  }
}

interface Violation {
  readonly code: string
  readonly words: string
}

/** @returns undefined when what stands there cannot be read */
function violationsOf(userDevice: VendorRecord): readonly Violation[] | undefined {
  const info = member(userDevice, 'outOfComplianceInfo')
  if (info === undefined || info === null) return []
  return Array.isArray(info) ? info.map(violationOf) : undefined
}

/** An entry that cannot be read is a violation all the same. */
function violationOf(entry: unknown): Violation {
  if (!isObject(entry)) return { code: '', words: 'out of compliance' }
  const code = text(entry, 'reason') ?? ''
  return { code, words: text(entry, 'displayName') ?? (code || 'out of compliance') }
}

function isJailbreak({ code }: Violation): boolean {
  return /^(?:jailbroken|rooted)/i.test(code)
}

/**
 * UEM leaves out what is null, so that a shortened view of the device looks compliant, too: only one with a last
 * contact is the whole one.
 */
function complianceOf(
  userDevice: VendorRecord,
  violations: readonly Violation[] | undefined,
): ComplianceState {
  if (violations === undefined) return 'unknown'
  if (violations.length > 0) return 'noncompliant'
  return instant(userDevice, 'lastContactTime') === undefined ? 'unknown' : 'compliant'
}

/** Deactivated devices vanish; what `enrollmentState` may say is not documented, so that it can only make things worse. */
function managementOf(userDevice: VendorRecord, { unmanagedTypes }: BlackBerryReading): ManagementState {
  const state = text(userDevice, 'enrollmentState') ?? ''
  if (/wip|deactivat|remov|delet|retir/i.test(state)) return 'leaving'
  if (/pending|progress|start|not_?enrolled|unenrolled/i.test(state)) return 'pending'
  const types = texts(userDevice, 'enrollmentType')
  if (types.length === 0) return 'unknown'
  return types.every((type) => unmanagedTypes.has(type.toUpperCase())) ? 'unmanaged' : 'managed'
}
