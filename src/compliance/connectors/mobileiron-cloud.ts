import type { ComplianceState, ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import type { MobileironCloudSettings } from '../../settings/sections/vendors/mobileiron-cloud.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { managedDevice } from './parts/device.ts'
import { basic, expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { hiddenIds, visible } from './parts/privacy.ts'
import { count, flag, instant, member, object, text, texts, type VendorRecord } from './parts/record.ts'
import type { VendorAnswer } from './vendor-http.ts'

/**
 * MobileIron Cloud / Ivanti Neurons for MDM: HTTP Basic, lists by device space. A list names one space, so that all
 * spaces have to be read: a poller that knows only the default one would find the devices of the others gone.
 */
export function createMobileironCloud(options: ConnectorOptions<MobileironCloudSettings>): Connector {
  return new MobileironCloud(options)
}

const outOfCompliance =
  'registrationState=ACTIVE and (quarantined=true or jailbroken=true or complianceState=false)'

class MobileironCloud implements Connector {
  readonly #options: ConnectorOptions<MobileironCloudSettings>

  constructor(options: ConnectorOptions<MobileironCloudSettings>) {
    this.#options = options
  }

  sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages(undefined, signal)
  }

  noncompliant(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages(outOfCompliance, signal)
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^\d{1,20}$/.test(vendorDeviceId)) return 'gone'
    const answer = await this.#get(`api/v1/device/${vendorDeviceId}`, signal)
    if (answer.status === 404) return 'gone'
    const device = readDevice(this.#options.name, resultOf(answer, 'the device'))
    if (device === undefined) throw new VendorError('protocol', 'the answer for one device has no id')
    return device
  }

  async close(): Promise<void> {}

  async *#pages(filter: string | undefined, signal: AbortSignal): AsyncIterable<VendorPage> {
    const watch = new SweepWatch()
    const spaces = await this.#spaces(signal)
    for (const space of spaces) {
      watch.nextList()
      for await (const page of this.#space(space, filter, signal)) {
        const { total, ...partial } = watch.page(page)
        // Of several spaces, none knows how many devices there are in all.
        yield spaces.length === 1 && total !== undefined ? { ...partial, total } : partial
      }
    }
    watch.end()
  }

  async *#space(space: string, filter: string | undefined, signal: AbortSignal): AsyncIterable<VendorPage> {
    for (let start = 0; ; ) {
      const parameters = new URLSearchParams({
        dmPartitionId: space,
        start: String(start),
        rows: String(this.#options.settings.pageSize),
        'sortFields[0].name': 'id',
        'sortFields[0].order': 'ASC',
        ...(filter !== undefined && { fq: filter }),
      })
      const answer = await this.#get(`api/v1/device?${parameters}`, signal)
      const result = resultOf(answer, 'the list of devices')
      const records = listAt(result.searchResults, 'searchResults')
      const total = count(result, 'totalCount')
      // Some lists give fewer rows than asked for: what came counts.
      start += records.length
      yield readPage(records, total, (record) => readDevice(this.#options.name, record))
      if (records.length === 0 || (total !== undefined && start >= total)) return
    }
  }

  async #spaces(signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#get('api/v1/tenant/partition/device', signal)
    const list = listAt(resultOf(answer, 'the list of device spaces').searchResults, 'searchResults')
    const spaces = list.map((space) => text(objectIn(space), 'id')).filter((id) => id !== undefined)
    if (spaces.length === 0) throw new VendorError('settings', 'the account sees no device space')
    return spaces
  }

  #get(url: string, signal: AbortSignal): Promise<VendorAnswer> {
    const { http, settings } = this.#options
    const authorization = basic(settings.user, settings.password.reveal())
    return http.request({ url, headers: { authorization }, signal })
  }
}

/** The envelope's `result`; its `errors` may come with a success, too. */
function resultOf(answer: VendorAnswer, what: string): VendorRecord {
  const envelope = objectIn(expectOk(answer, what).json())
  const result = object(envelope, 'result')
  if (result !== undefined) return result
  const errors = member(envelope, 'errors')
  throw new VendorError('protocol', `${what}: the vendor reports ${errors ? 'errors and ' : ''}no result`)
}

function readDevice(vendor: string, record: VendorRecord): ManagedDevice | undefined {
  const id = text(record, 'id')
  if (id === undefined) return undefined
  return managedDevice(vendor, {
    id,
    udid: visible(record, 'udid'),
    serial: visible(record, 'serialNumber', 'altSerialNumber'),
    imei: [visible(record, 'imei'), visible(record, 'imei2')],
    meid: visible(record, 'meid'),
    easDeviceId: texts(record, 'easDeviceIdentifiers'),
    entraDeviceId: text(record, 'azureDeviceId'),
    userName: visible(record, 'uid'),
    upn: visible(record, 'azureUserUpn'),
    email: visible(record, 'emailAddress'),
    platform: text(record, 'platformType'),
    model: text(record, 'prettyModel', 'deviceModel'),
    modelCode: text(record, 'deviceModel'),
    osVersion: text(record, 'platformVersion'),
    management: managementOf(record),
    compliance: complianceOf(record),
    compromised: flag(record, 'jailbroken'),
    lastSeen: instant(record, 'lastCheckin', 'clientLastCheckin'),
    reasons: reasonsIn(record),
  })
}

const registrationStates: Readonly<Record<string, ManagementState>> = {
  ACTIVE: 'managed',
  PENDING: 'pending',
  RETIRE_PENDING: 'leaving',
  WIPE_PENDING: 'leaving',
  RETIRED: 'gone',
  WIPED: 'gone',
}

/** An app-only registration has no device management behind it. */
function managementOf(record: VendorRecord): ManagementState {
  const state = registrationStates[text(record, 'registrationState')?.toUpperCase() ?? ''] ?? 'unknown'
  const appOnly = flag(record, 'mamOnly') === true || flag(record, 'authOnly') === true
  return state === 'managed' && appOnly ? 'unmanaged' : state
}

function complianceOf(record: VendorRecord): ComplianceState {
  const state = flag(record, 'complianceState')
  if (state === false || flag(record, 'quarantined') === true || flag(record, 'blocked') === true) {
    return 'noncompliant'
  }
  return state === true ? 'compliant' : 'unknown'
}

function reasonsIn(record: VendorRecord): readonly string[] {
  return [
    ...texts(record, 'violatedPolicies'),
    ...['quarantined', 'blocked'].filter((name) => flag(record, name) === true),
    ...hiddenIds(record, 'serialNumber', 'imei', 'uid', 'emailAddress'),
  ]
}
