import type { Platform } from '../../../domain/client-identity.ts'
import type { ComplianceState, ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import {
  normaliseEasId,
  normaliseGuid,
  normaliseImei,
  normaliseMeid,
  normaliseSerial,
  normaliseUdid,
} from '../../../lib/device-id.ts'
import { platformOf, versionOf } from '../../platform.ts'
import { defined, lower } from './record.ts'

/** What a connector has read out of one record, each value as the vendor writes it. */
export interface ReadDevice {
  /** The vendor's stable key. */
  readonly id: string
  readonly udid?: string | undefined
  readonly serial?: string | undefined
  readonly imei?: readonly (string | undefined)[]
  readonly meid?: string | undefined
  readonly easDeviceId?: readonly (string | undefined)[]
  readonly entraDeviceId?: string | undefined
  readonly userName?: string | undefined
  readonly upn?: string | undefined
  readonly email?: string | undefined
  /** The vendor's name of the platform; with the model, it becomes one of ours. */
  readonly platform: string | undefined
  readonly model?: string | undefined
  readonly modelCode?: string | undefined
  readonly osVersion?: string | undefined
  readonly management: ManagementState
  readonly compliance: ComplianceState
  readonly graceUntil?: number | undefined
  readonly compromised?: boolean | undefined
  readonly lastSeen?: number | undefined
  readonly reasons?: readonly string[]
}

const mostReasons = 16

/** The record in the form that all vendors share: ids normalised, names in lower case. */
export function managedDevice(vendor: string, read: ReadDevice): ManagedDevice {
  const platform = platformIn(read)
  return {
    vendor,
    vendorDeviceId: read.id,
    ids: idsOf(read),
    user: defined({ name: lower(read.userName), upn: lower(read.upn), email: lower(read.email) }),
    platform,
    management: read.management,
    compliance: read.compliance,
    reasons: [...new Set(read.reasons ?? [])].slice(0, mostReasons),
    ...defined({
      model: read.model,
      modelCode: read.modelCode,
      osVersion: versionOf(read.osVersion, platform),
      graceUntil: read.graceUntil,
      compromised: read.compromised,
      lastSeen: read.lastSeen,
    }),
  }
}

/** Some say `iOS` of everything that Apple makes: code or name of the model tells the iPads. */
function platformIn({ platform, modelCode, model }: ReadDevice): Platform | undefined {
  const byCode = platformOf(platform, modelCode)
  return byCode === undefined || byCode === 'ios' ? (platformOf(platform, model) ?? byCode) : byCode
}

function idsOf(read: ReadDevice): ManagedDevice['ids'] {
  return defined({
    udid: normaliseUdid(read.udid),
    serial: normaliseSerial(read.serial),
    imei: listOf(read.imei, normaliseImei),
    meid: normaliseMeid(read.meid),
    easDeviceId: listOf(read.easDeviceId, normaliseEasId),
    entraDeviceId: normaliseGuid(read.entraDeviceId),
  })
}

function listOf(
  values: readonly (string | undefined)[] | undefined,
  normalise: (text: string | undefined) => string | undefined,
): readonly string[] | undefined {
  const ids = [...new Set(values?.map(normalise).filter((id) => id !== undefined))]
  return ids.length === 0 ? undefined : ids
}
