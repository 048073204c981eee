import type { Platform } from '../../../domain/client-identity.ts'
import type { DeviceIds } from '../../../domain/device-ids.ts'
import type { ComplianceState, ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import {
  normaliseEasId,
  normaliseGuid,
  normaliseImei,
  normaliseMeid,
  normaliseSerial,
  normaliseUdid,
} from '../../../lib/device-id.ts'
import { isObject } from '../../../lib/json.ts'
import { platformOf, versionOf } from '../../platform.ts'
import type { VendorPage } from '../connector.ts'

type Text = string | undefined

/** A device with texts as the vendor writes them; undefined is what the vendor does not say. */
export interface WrittenDevice {
  readonly vendor: string
  readonly vendorDeviceId: string
  readonly udid?: Text
  readonly serial?: Text
  readonly imei?: readonly Text[]
  readonly meid?: Text
  readonly easDeviceId?: readonly Text[]
  readonly entraDeviceId?: Text
  readonly userName?: Text
  readonly upn?: Text
  readonly email?: Text
  readonly platform: Text
  readonly model?: Text
  readonly modelCode?: Text
  readonly osVersion?: Text
  readonly management: ManagementState
  readonly compliance: ComplianceState
  readonly graceUntil?: number | undefined
  readonly compromised?: boolean | undefined
  readonly lastSeen?: number | undefined
  readonly reasons?: readonly Text[]
}

const mostReasons = 10
const longestReason = 200

/** Brings a vendor's texts into the one form that matching compares. */
export function toManagedDevice(record: WrittenDevice): ManagedDevice {
  const platform = platformOfDevice(record)
  const { model, modelCode, graceUntil, compromised, lastSeen } = record
  const osVersion = versionOf(record.osVersion, platform)
  return {
    vendor: record.vendor,
    vendorDeviceId: record.vendorDeviceId,
    ids: idsOf(record),
    user: userOf(record),
    platform,
    ...(model !== undefined && { model }),
    ...(modelCode !== undefined && { modelCode }),
    ...(osVersion !== undefined && { osVersion }),
    management: record.management,
    compliance: record.compliance,
    ...(graceUntil !== undefined && { graceUntil }),
    ...(compromised !== undefined && { compromised }),
    ...(lastSeen !== undefined && { lastSeen }),
    reasons: reasonsOf(record),
  }
}

/** Either model may be the one that says iPad. */
function platformOfDevice({ platform, model, modelCode }: WrittenDevice): Platform | undefined {
  const byModel = platformOf(platform, model)
  if (modelCode === undefined || (byModel !== undefined && byModel !== 'ios')) return byModel
  return platformOf(platform, modelCode) ?? byModel
}

function idsOf(record: WrittenDevice): DeviceIds {
  const udid = normaliseUdid(record.udid)
  const serial = normaliseSerial(record.serial)
  const imei = distinct(record.imei, normaliseImei)
  const meid = normaliseMeid(record.meid)
  const easDeviceId = distinct(record.easDeviceId, normaliseEasId)
  const entraDeviceId = normaliseGuid(record.entraDeviceId)
  return {
    ...(udid !== undefined && { udid }),
    ...(serial !== undefined && { serial }),
    ...(imei.length > 0 && { imei }),
    ...(meid !== undefined && { meid }),
    ...(easDeviceId.length > 0 && { easDeviceId }),
    ...(entraDeviceId !== undefined && { entraDeviceId }),
  }
}

function distinct(
  written: readonly Text[] | undefined,
  normalise: (text: Text) => string | undefined,
): readonly string[] {
  return written === undefined ? [] : [...new Set(written.flatMap((text) => normalise(text) ?? []))]
}

function userOf({ userName, upn, email }: WrittenDevice): ManagedDevice['user'] {
  return {
    ...(userName !== undefined && { name: userName.toLowerCase() }),
    ...(upn !== undefined && { upn: upn.toLowerCase() }),
    ...(email !== undefined && { email: email.toLowerCase() }),
  }
}

function reasonsOf({ reasons = [] }: WrittenDevice): readonly string[] {
  return reasons
    .filter((reason) => reason !== undefined)
    .slice(0, mostReasons)
    .map((reason) => reason.slice(0, longestReason))
}

/**
 * A page of records. One that cannot be read is counted and does not lose the others.
 * @param read undefined when the record has no id of the vendor's
 */
export function toPage(
  records: readonly unknown[],
  total: number | undefined,
  read: (record: Readonly<Record<string, unknown>>) => ManagedDevice | undefined,
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
    ...(unreadable > 0 && {
      unreadable: { count: unreadable, reason: 'a record without the vendor’s device id' },
    }),
  }
}
