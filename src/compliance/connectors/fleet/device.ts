import type { ComplianceState, ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import { isObject } from '../../../lib/json.ts'
import { managedDevice } from '../parts/device.ts'
import { count, flag, instant, member, object, text, type VendorRecord } from '../parts/record.ts'

/** What the policies say of one host. */
export interface PolicyVerdict {
  readonly compliance: ComplianceState
  readonly reasons: readonly string[]
}

/** @returns undefined for a record without an id */
export function readHost(
  vendor: string,
  host: VendorRecord,
  judge: (id: string) => PolicyVerdict,
): ManagedDevice | undefined {
  const id = text(host, 'id')
  if (id === undefined) return undefined
  const { compliance, reasons } = judge(id)
  const management = managementOf(object(host, 'mdm') ?? {})
  return managedDevice(vendor, {
    id,
    udid: text(host, 'uuid'),
    serial: text(host, 'hardware_serial'),
    ...userOf(host),
    platform: text(host, 'platform'),
    modelCode: text(host, 'hardware_model'),
    osVersion: text(host, 'os_version'),
    management: management.state,
    compliance,
    lastSeen: newest(instant(host, 'last_mdm_checked_in_at'), instant(host, 'seen_time')),
    reasons: [...(management.reason === undefined ? [] : [management.reason]), ...reasons],
  })
}

/** The count of policies that fail, for `policies: all`. Left out, nothing is known. */
export function judgeByCount(host: VendorRecord): PolicyVerdict {
  const failing = count(object(host, 'issues') ?? {}, 'failing_policies_count')
  if (failing === undefined) return { compliance: 'unknown', reasons: [] }
  return failing === 0
    ? { compliance: 'compliant', reasons: [] }
    : { compliance: 'noncompliant', reasons: [`fails ${failing} of Fleet’s policies`] }
}

interface Management {
  readonly state: ManagementState
  readonly reason?: string
}

/** `On (automatic)`, `On (manual)`, `Pending`, `Off`; null for a host that no MDM manages. */
function managementOf(mdm: VendorRecord): Management {
  const status = text(mdm, 'enrollment_status')
  const word = status?.toLowerCase() ?? ''
  if (word === 'pending') return { state: 'pending' }
  if (word === 'off' || word === 'unenrolled')
    return { state: 'unmanaged', reason: `enrollment_status: ${status}` }
  if (!/^(?:on\b|enrolled|manual|automatic)/.test(word)) return { state: 'unknown' }
  if (flag(mdm, 'connected_to_fleet') === false) {
    return { state: 'unmanaged', reason: `enrolled with another MDM: ${text(mdm, 'name') ?? 'unknown'}` }
  }
  return { state: 'managed' }
}

function userOf(host: VendorRecord) {
  const [user] = objects(host, 'end_users')
  const [mapping] = objects(host, 'device_mapping')
  const name = user && text(user, 'idp_username')
  const mapped = mapping && text(mapping, 'email')
  return { userName: name, email: mapped ?? (name?.includes('@') ? name : undefined) }
}

function objects(record: VendorRecord, name: string): readonly VendorRecord[] {
  const value = member(record, name)
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Hosts without an agent have a `seen_time` that does not move, others no MDM check-in. */
function newest(...instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((instant) => instant !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
