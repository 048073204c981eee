import type { ComplianceState, ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import type { MobileironCoreSettings } from '../../settings/sections/vendors/mobileiron-core.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { managedDevice } from './parts/device.ts'
import { basic, expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { hiddenIds, visible } from './parts/privacy.ts'
import { count, flag, instant, text, texts, type VendorRecord } from './parts/record.ts'

/**
 * MobileIron Core / Ivanti EPMM, API v2: HTTP Basic on every call, flat records whose keys hold dots. `compliant` is the
 * security policy's word; `quarantined` and `blocked` say that the server already acts.
 */
export function createMobileironCore(options: ConnectorOptions<MobileironCoreSettings>): Connector {
  return new MobileironCore(options)
}

const outOfCompliance =
  '"common.status" = "ACTIVE" AND ("common.quarantined" = true OR "common.compliant" = false OR "common.security_state" != "Ok")'

class MobileironCore implements Connector {
  readonly #options: ConnectorOptions<MobileironCoreSettings>

  constructor(options: ConnectorOptions<MobileironCoreSettings>) {
    this.#options = options
  }

  sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages('', signal)
  }

  noncompliant(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages(outOfCompliance, signal)
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    // Quotes would end the text in the query; a UUID has none.
    if (!/^[\w-]{1,64}$/.test(vendorDeviceId)) return 'gone'
    const field = /^\d+$/.test(vendorDeviceId) ? 'common.id' : 'common.uuid'
    const answer = await this.#ask(`"${field}" = "${vendorDeviceId}"`, 0, signal)
    const { devices } = this.#read(answer)
    return devices.find((device) => device.vendorDeviceId === vendorDeviceId) ?? 'gone'
  }

  async close(): Promise<void> {}

  async *#pages(query: string, signal: AbortSignal): AsyncIterable<VendorPage> {
    const watch = new SweepWatch()
    for (let offset = 0; ; ) {
      const answer = await this.#ask(query, offset, signal)
      const page = this.#read(answer)
      const rows = listAt(answer.results, 'results').length
      offset += rows
      yield watch.page(page)
      if (flag(answer, 'hasMore') === false) break
      if (rows === 0) {
        if (answer.hasMore === undefined) break
        throw new VendorError('incomplete', 'the vendor says that there are more devices and gives none')
      }
    }
    watch.end()
  }

  async #ask(query: string, offset: number, signal: AbortSignal): Promise<VendorRecord> {
    const { settings, http } = this.#options
    const parameters = new URLSearchParams({
      adminDeviceSpaceId: settings.deviceSpace,
      query,
      fields: fieldsOf(settings).join(','),
      limit: String(settings.pageSize),
      offset: String(offset),
      sortField: 'common.id',
      sortOrder: 'ASC',
    })
    const answer = await http.request({
      url: `api/v2/devices?${parameters}`,
      headers: { authorization: basic(settings.user, settings.password.reveal()) },
      signal,
    })
    return objectIn(expectOk(answer, 'the list of devices').json())
  }

  #read(answer: VendorRecord): VendorPage {
    const { name, settings } = this.#options
    const total = count(answer, 'totalCount')
    return readPage(listAt(answer.results, 'results'), total, (record) => readDevice(name, record, settings))
  }
}

const usualFields = [
  'common.uuid',
  'common.id',
  'common.status',
  'common.platform',
  'common.platform_name',
  'common.os_version',
  'common.model',
  'common.model_name',
  'common.imei',
  'common.mdm_managed',
  'common.retired',
  'common.compliant',
  'common.noncompliance_reasons',
  'common.quarantined',
  'common.quarantined_reasons',
  'common.blocked',
  'common.blocked_reasons',
  'common.device_is_compromised',
  'common.security_state',
  'common.last_connected_at',
  'user.user_id',
  'user.email_address',
  'user.sam_account_name',
]

function fieldsOf({ fields }: MobileironCoreSettings): readonly string[] {
  return [...usualFields, ...Object.values(fields).filter((field) => field !== undefined)]
}

function readDevice(
  vendor: string,
  record: VendorRecord,
  { fields }: MobileironCoreSettings,
): ManagedDevice | undefined {
  const id = text(record, 'common.uuid', 'common.id')
  if (id === undefined) return undefined
  const status = statusOf(text(record, 'common.status'))
  return managedDevice(vendor, {
    id,
    udid: visible(record, fields.udid),
    serial: visible(record, fields.serial),
    imei: [visible(record, 'common.imei')],
    easDeviceId: fields.easDeviceId === undefined ? [] : texts(record, fields.easDeviceId),
    userName: visible(record, 'user.user_id', 'user.sam_account_name'),
    upn: fields.upn === undefined ? undefined : visible(record, fields.upn),
    email: visible(record, 'user.email_address'),
    platform: text(record, 'common.platform', 'common.platform_name'),
    model: text(record, 'common.model_name', 'common.model'),
    modelCode: text(record, 'common.model'),
    osVersion: text(record, 'common.os_version', 'common.platform_name'),
    management: managementOf(record, status.management),
    compliance: complianceOf(record, status),
    compromised: compromisedIn(record),
    lastSeen: instant(record, 'common.last_connected_at', 'common.miclient_last_connected_at'),
    reasons: [
      ...reasonsIn(record, status),
      ...hiddenIds(record, fields.serial, 'common.imei', 'user.user_id'),
    ],
  })
}

interface Status {
  readonly management: ManagementState
  /** Set when the status alone speaks against access. */
  readonly against?: string
}

const statuses: Readonly<Record<string, Status>> = {
  ACTIVE: { management: 'managed' },
  BLOCKED: { management: 'managed', against: 'BLOCKED' },
  INFECTED: { management: 'managed', against: 'INFECTED' },
  LOST: { management: 'managed', against: 'LOST' },
  IENROLL_VERIFIED: { management: 'pending' },
  IENROLL_INPROGRESS: { management: 'pending' },
  IENROLL_COMPLETE: { management: 'pending' },
  VERIFIED: { management: 'pending' },
  VERIFICATION_PENDING: { management: 'pending' },
  RETIRE_PENDING: { management: 'leaving' },
  RETIRED: { management: 'gone' },
  WIPED: { management: 'gone' },
  EXPIRED: { management: 'unmanaged' },
}

/** Some calls give the status as the code of its letter. */
const statusNumbers: Readonly<Record<string, string>> = {
  97: 'ACTIVE',
  98: 'BLOCKED',
  100: 'IENROLL_VERIFIED',
  101: 'IENROLL_INPROGRESS',
  102: 'IENROLL_COMPLETE',
  105: 'INFECTED',
  108: 'LOST',
  112: 'VERIFICATION_PENDING',
  114: 'RETIRED',
  117: 'RETIRE_PENDING',
  118: 'VERIFIED',
  119: 'WIPED',
  120: 'EXPIRED',
}

function statusOf(written: string | undefined): Status {
  const status = (written ?? '').toUpperCase()
  return statuses[statusNumbers[status] ?? status] ?? { management: 'unknown' }
}

function managementOf(record: VendorRecord, status: ManagementState): ManagementState {
  if (flag(record, 'common.retired') === true) return 'gone'
  if (status === 'managed' && flag(record, 'common.mdm_managed') === false) return 'unmanaged'
  return status
}

function complianceOf(record: VendorRecord, { against }: Status): ComplianceState {
  const acted = flag(record, 'common.quarantined') === true || flag(record, 'common.blocked') === true
  const compliant = flag(record, 'common.compliant')
  const state = text(record, 'common.security_state')?.toLowerCase() ?? 'ok'
  if (against !== undefined || acted || compliant === false) return 'noncompliant'
  if (state !== 'ok') return state === 'unknown' ? 'unknown' : 'noncompliant'
  return compliant === true ? 'compliant' : 'unknown'
}

function compromisedIn(record: VendorRecord): boolean | undefined {
  const compromised = flag(record, 'common.device_is_compromised')
  const state = text(record, 'common.security_state')?.toLowerCase()
  if (compromised === true || state === 'compromised') return true
  return compromised
}

function reasonsIn(record: VendorRecord, { against }: Status): string[] {
  const state = text(record, 'common.security_state')
  return [
    ...(against === undefined ? [] : [against]),
    ...texts(record, 'common.noncompliance_reasons', 'common.quarantined_reasons', 'common.blocked_reasons'),
    ...(state === undefined || state.toLowerCase() === 'ok' ? [] : [state]),
  ]
}
