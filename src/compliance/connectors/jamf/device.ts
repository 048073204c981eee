import type { ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import { managedDevice } from '../parts/device.ts'
import { flag, instant, object, text, type VendorRecord } from '../parts/record.ts'

export interface JamfReading {
  readonly vendor: string
  /** What the smart group of noncompliant devices holds. */
  readonly noncompliant: NoncompliantGroup
}

export interface NoncompliantGroup {
  readonly name: string
  /** Ids of mobile devices. */
  readonly members: ReadonlySet<string>
}

/**
 * Sections that Jamf Pro could not read are null: without the general one it is not known whether the device is
 * managed, nor whether its group membership means anything.
 * @returns undefined for a record without an id
 */
export function readJamfDevice(
  record: VendorRecord,
  { vendor, noncompliant }: JamfReading,
): ManagedDevice | undefined {
  const id = text(record, 'mobileDeviceId')
  if (id === undefined) return undefined
  const general = object(record, 'general')
  const outside = noncompliant.members.has(id)
  return managedDevice(vendor, {
    id,
    ...idsOf(record),
    ...userOf(object(record, 'userAndLocation') ?? {}),
    ...described(record),
    management: managementOf(general),
    compliance: outside ? 'noncompliant' : general === undefined ? 'unknown' : 'compliant',
    compromised: jailbroken(object(record, 'security') ?? {}),
    lastSeen: general && instant(general, 'lastInventoryUpdateDate'),
    reasons: outside ? [`in the group ${noncompliant.name}`] : [],
  })
}

function idsOf(record: VendorRecord) {
  const network = object(record, 'network') ?? {}
  return {
    udid: text(object(record, 'general') ?? {}, 'udid'),
    serial: text(object(record, 'hardware') ?? {}, 'serialNumber'),
    imei: [text(network, 'imei'), text(network, 'imei2')],
    meid: text(network, 'meid'),
  }
}

function userOf(user: VendorRecord) {
  return { userName: text(user, 'username'), email: text(user, 'emailAddress', 'email') }
}

function described(record: VendorRecord) {
  const general = object(record, 'general') ?? {}
  const hardware = object(record, 'hardware') ?? {}
  return {
    // `iOS` or `tvOS`, where the version says it; iPads are `iOS` here, and told by their model.
    platform: text(record, 'deviceType') ?? 'iOS',
    model: text(hardware, 'model'),
    modelCode: text(hardware, 'modelIdentifier'),
    osVersion: text(general, 'osVersion'),
  }
}

function managementOf(general: VendorRecord | undefined): ManagementState {
  const managed = general && flag(general, 'managed')
  if (managed === undefined) return 'unknown'
  return managed ? 'managed' : 'unmanaged'
}

/** By version a flag or a word; a word that is not known says nothing. */
function jailbroken(security: VendorRecord): boolean | undefined {
  const detected = flag(security, 'jailBreakDetected')
  if (detected !== undefined) return detected
  const status = (text(security, 'jailbreakStatus', 'jailBreakStatus') ?? '')
    .toLowerCase()
    .replace(/[\s_-]/g, '')
  if (/^(?:jailbroken|compromised|detected|yes|true)$/.test(status)) return true
  return /^(?:normal|notjailbroken|notcompromised|notdetected|no|false)$/.test(status) ? false : undefined
}
