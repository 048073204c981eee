import type { ComplianceState, ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import type { Maas360Settings } from '../../settings/sections/vendors/maas360.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { AccessToken, type IssuedToken } from './parts/access-token.ts'
import { managedDevice } from './parts/device.ts'
import { expectOk } from './parts/expect.ts'
import { objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, instant, member, object, text, texts, type VendorRecord } from './parts/record.ts'

/**
 * IBM MaaS360: a token for 60 minutes, pages from 1, and several ways to fail inside of a 200. A single hit comes as an
 * object, none at all as nothing. What is out of compliance stands in four texts, whose wording no document promises:
 * the vendor's own filter says it as well, and what it says counts where a text cannot be read.
 */
export function createMaas360(options: ConnectorOptions<Maas360Settings>): Connector {
  return new Maas360(options)
}

const tokenLifetime = 60 * 60_000
/** The four states and the filter that lists what is out of each. */
const aspects = [
  { state: 'policyComplianceState', filter: 'plcCompliance', reason: 'Policy out of compliance' },
  { state: 'ruleComplianceState', filter: 'ruleCompliance', reason: 'Rules out of compliance' },
  { state: 'appComplianceState', filter: 'appCompliance', reason: 'Applications out of compliance' },
  { state: 'passcodeCompliance', filter: 'pswdCompliance', reason: 'Passcode out of compliance' },
] as const

class Maas360 implements Connector {
  readonly #options: ConnectorOptions<Maas360Settings>
  readonly #token: AccessToken

  constructor(options: ConnectorOptions<Maas360Settings>) {
    this.#options = options
    this.#token = new AccessToken((signal) => this.#signIn(signal), options.now)
  }

  async *sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    const out = await this.#outOfCompliance(signal)
    for await (const page of this.#pages({}, signal)) {
      yield { ...page, devices: page.devices.map((device) => marked(device, out.get(device.vendorDeviceId))) }
    }
  }

  changes(since: number, signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages({ lastReportedAfterInEpochms: String(since) }, signal)
  }

  async *noncompliant(signal: AbortSignal): AsyncIterable<VendorPage> {
    const given = new Set<string>()
    for (const { filter, reason } of aspects) {
      for await (const page of this.#pages({ [filter]: 'OOC' }, signal)) {
        const devices = page.devices.filter(({ vendorDeviceId }) => !given.has(vendorDeviceId))
        for (const { vendorDeviceId } of devices) given.add(vendorDeviceId)
        const { total: _, ...rest } = page
        yield { ...rest, devices: devices.map((device) => marked(device, [reason])) }
      }
    }
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^[\w.-]{1,128}$/.test(vendorDeviceId)) return 'gone'
    const { page } = await this.#ask({ maas360DeviceId: vendorDeviceId }, 1, signal)
    return page.devices.find((device) => device.vendorDeviceId === vendorDeviceId) ?? 'gone'
  }

  async close(): Promise<void> {}

  async #outOfCompliance(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const out = new Map<string, string[]>()
    for (const { filter, reason } of aspects) {
      for await (const { devices } of this.#pages({ [filter]: 'OOC' }, signal)) {
        for (const { vendorDeviceId: id } of devices) out.set(id, [...(out.get(id) ?? []), reason])
      }
    }
    return out
  }

  async *#pages(filter: Readonly<Record<string, string>>, signal: AbortSignal): AsyncIterable<VendorPage> {
    const watch = new SweepWatch()
    for (let pageNumber = 1, read = 0; ; pageNumber++) {
      const { page, rows } = await this.#ask(filter, pageNumber, signal)
      read += rows
      if (rows > 0 || pageNumber === 1) yield watch.page(page)
      if (rows === 0 || (page.total !== undefined && read >= page.total)) break
    }
    watch.end()
  }

  async #ask(
    filter: Readonly<Record<string, string>>,
    pageNumber: number,
    signal: AbortSignal,
  ): Promise<{ readonly page: VendorPage; readonly rows: number }> {
    const { billingId, api, pageSize } = this.#options.settings
    const path = api === '2.0' ? `2.0/search/customer/${billingId}` : `1.0/search/${billingId}`
    const parameters = new URLSearchParams({
      pageNumber: String(pageNumber),
      pageSize: String(pageSize),
      ...filter,
    })
    const answer = await this.#get(`device-apis/devices/${path}?${parameters}`, signal)
    const devices = objectIn(answer.devices)
    const records = recordsIn(devices)
    const page = readPage(records, count(devices, 'count'), (record) =>
      readDevice(this.#options.name, record),
    )
    return { page, rows: records.length }
  }

  #get(url: string, signal: AbortSignal): Promise<VendorRecord> {
    return this.#token.with(signal, async (token) => {
      const headers = { authorization: `MaaS token="${token}"`, 'content-type': 'application/json' }
      const answer = await this.#options.http.request({ url, headers, signal })
      if (answer.status === 401) return undefined
      const body = objectIn(expectOk(answer, 'the search for devices').json())
      return errorWithin(body) === 'token' ? undefined : body
    })
  }

  async #signIn(signal: AbortSignal): Promise<IssuedToken> {
    const { http, settings, now } = this.#options
    const { billingId, platformId, appId, appVersion, accessKey, user, password, api } = settings
    const path = api === '2.0' ? `2.0/authenticate/customer/${billingId}` : `1.0/authenticate/${billingId}`
    const maaS360AdminAuth = {
      billingID: billingId,
      platformID: platformId,
      appID: appId,
      appVersion,
      appAccessKey: accessKey.reveal(),
      userName: user,
      password: password.reveal(),
    }
    const answer = await http.request({
      method: 'POST',
      url: `auth-apis/auth/${path}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ authRequest: { maaS360AdminAuth } }),
      signal,
    })
    const response = object(objectIn(expectOk(answer, 'the sign-in').json()), 'authResponse')
    const token = response && text(response, 'authToken')
    const code = response && text(response, 'errorCode')
    if (token !== undefined && (code ?? '0') === '0') return { token, expiresAt: now() + tokenLifetime }
    throw new VendorError('credentials', `the sign-in is refused (error ${code ?? 'without a code'})`)
  }
}

/**
 * The records of a page: a list, one object for a single hit, nothing when there is none. Nothing counts as none only
 * where the page says so.
 */
function recordsIn(devices: VendorRecord): readonly unknown[] {
  const device = member(devices, 'device')
  if (Array.isArray(device)) return device
  if (typeof device === 'object' && device !== null) return [device]
  const none = count(devices, 'count') === 0 || count(devices, 'pageSize') === 0
  if (none) return []
  throw new VendorError('protocol', 'a page has no list `device`, and does not say that it is empty')
}

/**
 * HTTP 200 with an `errorCode` other than 0 is a failure.
 * @returns `token` when the token is what is wrong
 * @throws VendorError
 */
function errorWithin(body: VendorRecord): 'token' | undefined {
  const places = [body, object(body, 'errorResponse'), object(body, 'devices'), object(body, 'authResponse')]
  for (const place of places) {
    const code = place && text(place, 'errorCode')
    if (place === undefined || code === undefined || code === '0') continue
    const words = text(place, 'errorDesc', 'errorMessage', 'message')?.toLowerCase() ?? ''
    if (/token|not authenticated|session/.test(words)) return 'token'
    if (/limit|too many|exceeded/.test(words)) {
      throw new VendorError('throttled', `the vendor’s limit of calls is reached (error ${code})`)
    }
    throw new VendorError('protocol', `the vendor reports error ${code} in an answer with status 200`)
  }
  return undefined
}

function readDevice(vendor: string, record: VendorRecord): ManagedDevice | undefined {
  const id = text(record, 'maas360DeviceID', 'maas360DeviceId')
  if (id === undefined) return undefined
  const imei = text(record, 'imeiEsn')
  return managedDevice(vendor, {
    id,
    udid: text(record, 'udid'),
    serial: text(record, 'platformSerialNumber'),
    imei: [imei],
    meid: imei !== undefined && /[a-f]/i.test(imei) ? imei : undefined,
    easDeviceId: texts(record, 'mailboxDeviceId', 'mdmMailboxDeviceId'),
    userName: text(record, 'username'),
    email: text(record, 'emailAddress'),
    platform: text(record, 'platformName', 'osName'),
    model: text(record, 'model'),
    modelCode: text(record, 'modelId'),
    osVersion: text(record, 'osVersion', 'osName'),
    management: managementOf(record),
    compliance: complianceOf(record),
    compromised: compromisedIn(record),
    lastSeen: instant(record, 'lastReportedInEpochms', 'lastReported'),
    reasons: aspects
      .filter(({ state }) => verdict(record, state) === 'noncompliant')
      .map(({ reason }) => reason),
  })
}

const managedStatuses: Readonly<Record<string, ManagementState>> = {
  enrolled: 'managed',
  activated: 'managed',
  'pending control removed': 'leaving',
  'pending control removal': 'leaving',
  'control removed': 'gone',
  'user removed control': 'gone',
  'not enrolled': 'unmanaged',
  inactive: 'unmanaged',
}

function managementOf(record: VendorRecord): ManagementState {
  const status = text(record, 'maas360ManagedStatus')?.toLowerCase() ?? ''
  const state = managedStatuses[status] ?? 'unknown'
  if (state !== 'managed') return state
  if (text(record, 'deviceStatus')?.toLowerCase() === 'inactive') return 'unmanaged'
  const wipe = text(record, 'selectiveWipeStatus')?.toLowerCase() ?? 'none'
  return noWipe.has(wipe) ? state : 'leaving'
}

const noWipe: ReadonlySet<string> = new Set([
  'none',
  'not applicable',
  'not available',
  'not initiated',
  'no',
])

function complianceOf(record: VendorRecord): ComplianceState {
  const verdicts = aspects.map(({ state }) => verdict(record, state))
  if (verdicts.includes('noncompliant')) return 'noncompliant'
  return verdicts.includes('unknown') || !verdicts.includes('compliant') ? 'unknown' : 'compliant'
}

/** Undefined: the aspect does not apply to this device. */
function verdict(record: VendorRecord, state: string): 'compliant' | 'noncompliant' | 'unknown' | undefined {
  const said = text(record, state)?.toLowerCase().replaceAll('-', ' ')
  if (said === undefined || /^not (?:applicable|available|configured)$/.test(said)) return undefined
  if (said === 'ooc' || /out of compliance|non ?compliant|not (?:in compliance|compliant)/.test(said)) {
    return 'noncompliant'
  }
  return said === 'in compliance' || said === 'compliant' ? 'compliant' : 'unknown'
}

/** What the vendor's filter lists and its texts do not deny is out of compliance. */
function marked(device: ManagedDevice, reasons: readonly string[] | undefined): ManagedDevice {
  if (reasons === undefined || device.compliance !== 'unknown') return device
  return { ...device, compliance: 'noncompliant', reasons: [...new Set([...device.reasons, ...reasons])] }
}

function compromisedIn(record: VendorRecord): boolean | undefined {
  const status = text(record, 'jailbreakStatus')?.toLowerCase() ?? ''
  if (/^(?:yes|true|jailbroken|rooted)$/.test(status)) return true
  return /^(?:no|false|not jailbroken|not rooted)$/.test(status) ? false : undefined
}
