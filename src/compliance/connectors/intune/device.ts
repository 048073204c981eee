import type { ComplianceState, ManagedDevice, ManagementState } from '../../../domain/managed-device.ts'
import { isObject } from '../../../lib/json.ts'
import { managedDevice } from '../parts/device.ts'
import { flag, instant, member, text, type VendorRecord } from '../parts/record.ts'

/** What the customer makes of the two states that say neither compliant nor not. */
export interface IntuneReading {
  readonly vendor: string
  readonly conflict: ComplianceState
  readonly error: ComplianceState
}

/** The fields of managedDevice that are read; `udid` is null in lists, and absent from older schemas. */
export const selectedFields = [
  'id',
  'azureADDeviceId',
  'easDeviceId',
  'serialNumber',
  'imei',
  'meid',
  'userPrincipalName',
  'emailAddress',
  'operatingSystem',
  'osVersion',
  'model',
  'managementAgent',
  'deviceRegistrationState',
  'deviceActionResults',
  'enrolledDateTime',
  'complianceState',
  'complianceGracePeriodExpirationDateTime',
  'jailBroken',
  'lastSyncDateTime',
] as const

/** @returns undefined for a record without an id */
export function readIntuneDevice(record: VendorRecord, reading: IntuneReading): ManagedDevice | undefined {
  const id = text(record, 'id')
  if (id === undefined) return undefined
  const state = text(record, 'complianceState')
  const compliance = complianceOf(state, reading)
  const management = managementOf(record)
  return managedDevice(reading.vendor, {
    id,
    udid: text(record, 'udid'),
    serial: text(record, 'serialNumber'),
    imei: text(record, 'imei')?.split(/[,;/]/) ?? [],
    meid: text(record, 'meid'),
    easDeviceId: [text(record, 'easDeviceId')],
    entraDeviceId: text(record, 'azureADDeviceId'),
    upn: text(record, 'userPrincipalName'),
    email: text(record, 'emailAddress'),
    platform: text(record, 'operatingSystem'),
    model: text(record, 'model'),
    osVersion: text(record, 'osVersion'),
    management: management.state,
    compliance,
    graceUntil:
      compliance === 'grace' ? instant(record, 'complianceGracePeriodExpirationDateTime') : undefined,
    compromised: flag(record, 'jailBroken'),
    lastSeen: instant(record, 'lastSyncDateTime'),
    reasons: [
      ...(management.reason === undefined ? [] : [management.reason]),
      ...(compliance === 'compliant' || state === undefined ? [] : [`complianceState: ${state}`]),
    ],
  })
}

function complianceOf(state: string | undefined, { conflict, error }: IntuneReading): ComplianceState {
  switch (state?.toLowerCase()) {
    case 'compliant':
      return 'compliant'
    case 'noncompliant':
      return 'noncompliant'
    case 'ingraceperiod':
      return 'grace'
    case 'conflict':
      return conflict
    case 'error':
      return error
    default:
      return 'unknown'
  }
}

interface Management {
  readonly state: ManagementState
  readonly reason?: string
}

/** Agents that only see the device: mail settings and sensors enforce nothing. */
const watchers: ReadonlySet<string> = new Set(['eas', 'mssense'])
const agents: ReadonlySet<string> = new Set([
  'mdm',
  'easmdm',
  'intuneclient',
  'easintuneclient',
  'configurationmanagerclient',
  'configurationmanagerclientmdm',
  'configurationmanagerclientmdmeas',
  'jamf',
  'googleclouddevicepolicycontroller',
  'microsoft365managedmdm',
  'intuneaosp',
])

const registrations: ReadonlyMap<string, ManagementState> = new Map([
  ['revoked', 'leaving'],
  ['approvalpending', 'pending'],
  ['notregisteredpendingenrollment', 'pending'],
  ['notregistered', 'unknown'],
  ['keyconflict', 'unknown'],
  ['certificatereset', 'unknown'],
])

function managementOf(record: VendorRecord): Management {
  const leaving = leavingOf(record)
  if (leaving !== undefined) return { state: 'leaving', reason: leaving }
  const registration = text(record, 'deviceRegistrationState')
  const state = registrationStateOf(registration)
  if (state !== undefined) return { state, reason: `deviceRegistrationState: ${registration}` }
  const agent = text(record, 'managementAgent')
  const name = agent?.toLowerCase() ?? ''
  if (agents.has(name)) return { state: 'managed' }
  return {
    state: watchers.has(name) ? 'unmanaged' : 'unknown',
    reason: `managementAgent: ${agent ?? 'none'}`,
  }
}

/** @returns undefined when the agent says more: registered, or nothing known */
function registrationStateOf(registration: string | undefined): ManagementState | undefined {
  const name = registration?.toLowerCase() ?? 'unknown'
  if (name === 'registered' || name === 'unknown') return undefined
  return registrations.get(name) ?? 'unknown'
}

/** Retiring and wiping show as actions that were asked for; v1.0 of Graph has no state of its own for them. */
function leavingOf(record: VendorRecord): string | undefined {
  const results = member(record, 'deviceActionResults')
  const action = Array.isArray(results) ? results.find((result) => endsManagement(result, record)) : undefined
  return action && `${text(action, 'actionName')}: ${text(action, 'actionState')}`
}

const endings: ReadonlySet<string> = new Set([
  'retire',
  'wipe',
  'delete',
  'factoryreset',
  'removecompanydata',
  'fullwipe',
])
const begun: ReadonlySet<string> = new Set(['pending', 'active', 'done'])

/** An action from before the enrolment was about the device's life before. */
function endsManagement(result: unknown, record: VendorRecord): result is VendorRecord {
  if (!isObject(result)) return false
  if (!endings.has(text(result, 'actionName')?.toLowerCase() ?? '')) return false
  if (!begun.has(text(result, 'actionState')?.toLowerCase() ?? '')) return false
  const changed = instant(result, 'lastUpdatedDateTime') ?? instant(result, 'startDateTime')
  const enrolled = instant(record, 'enrolledDateTime')
  return changed === undefined || enrolled === undefined || changed >= enrolled
}
