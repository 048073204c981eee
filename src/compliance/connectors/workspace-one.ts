import type { ComplianceState, ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import { isObject } from '../../lib/json.ts'
import type { WorkspaceOneSettings } from '../../settings/sections/vendors/workspace-one.ts'
import {
  type Connector,
  type ConnectorOptions,
  VendorError,
  type VendorNotification,
  type VendorPage,
  type WebhookNews,
} from './connector.ts'
import { AccessToken, type IssuedToken } from './parts/access-token.ts'
import { managedDevice } from './parts/device.ts'
import { basic, expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, flag, instant, member, object, text, texts, type VendorRecord } from './parts/record.ts'
import type { VendorAnswer } from './vendor-http.ts'
import { readEventNotification } from './workspace-one/event-notification.ts'

/**
 * Workspace ONE UEM (AirWatch), REST API version 1: pages from 0 with a total, 204 for nothing. A user signs in with Basic
 * and the tenant's API key, an OAuth client with a token for an hour.
 */
export function createWorkspaceOne(options: ConnectorOptions<WorkspaceOneSettings>): Connector {
  return new WorkspaceOne(options)
}

class WorkspaceOne implements Connector {
  readonly #options: ConnectorOptions<WorkspaceOneSettings>
  readonly #token: AccessToken

  constructor(options: ConnectorOptions<WorkspaceOneSettings>) {
    this.#options = options
    this.#token = new AccessToken((signal) => this.#signIn(signal), options.now)
  }

  sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages({}, signal)
  }

  changes(since: number, signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages({ lastseen: new Date(since).toISOString() }, signal)
  }

  noncompliant(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages({ compliantstatus: 'false' }, signal)
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^\d{1,18}$/.test(vendorDeviceId)) return 'gone'
    const answer = await this.#get(`API/mdm/devices/${vendorDeviceId}`, signal)
    if (answer.status === 404 || answer.status === 204) return 'gone'
    const device = readDevice(this.#options.name, objectIn(expectOk(answer, 'the device').json()))
    if (device === undefined) throw new VendorError('protocol', 'the answer for one device has no id')
    return device
  }

  readWebhook({ body }: VendorNotification): WebhookNews | undefined {
    return readEventNotification(body)
  }

  async close(): Promise<void> {}

  async *#pages(filter: Readonly<Record<string, string>>, signal: AbortSignal): AsyncIterable<VendorPage> {
    const { pageSize, organizationGroup } = this.#options.settings
    const watch = new SweepWatch()
    for (let number = 0, read = 0; ; number++) {
      const parameters = new URLSearchParams({
        page: String(number),
        pagesize: String(pageSize),
        orderby: 'deviceid',
        sortorder: 'ASC',
        ...(organizationGroup !== undefined && { lgid: organizationGroup }),
        ...filter,
      })
      const answer = await this.#get(`API/mdm/devices/search?${parameters}`, signal)
      const { page, rows } = this.#read(expectOk(answer, 'the search for devices'))
      read += rows
      if (rows > 0 || number === 0) yield watch.page(page)
      // One page says nothing of the others: the sum of them is what the total counts.
      if (rows === 0 || (page.total !== undefined && read >= page.total)) break
    }
    watch.end()
  }

  #read(answer: VendorAnswer): { readonly page: VendorPage; readonly rows: number } {
    if (answer.status === 204) return { page: { devices: [] }, rows: 0 }
    const body = objectIn(answer.json())
    const total = count(body, 'Total')
    const records = total === 0 && body.Devices == null ? [] : listAt(body.Devices, 'Devices')
    const page = readPage(records, total, (record) => readDevice(this.#options.name, record))
    return { page, rows: records.length }
  }

  #get(url: string, signal: AbortSignal): Promise<VendorAnswer> {
    const { http, settings } = this.#options
    const { signIn, tenantCode } = settings
    const headers = {
      // Without a version the server takes one of its own choice.
      accept: 'application/json;version=1',
      ...(tenantCode !== undefined && { 'aw-tenant-code': tenantCode.reveal() }),
    }
    if (signIn.kind === 'password') {
      const authorization = basic(signIn.user, signIn.password.reveal())
      return http.request({ url, headers: { ...headers, authorization }, signal })
    }
    return this.#token.with(signal, async (token) => {
      const authorization = `Bearer ${token}`
      const answer = await http.request({ url, headers: { ...headers, authorization }, signal })
      return answer.status === 401 ? undefined : answer
    })
  }

  async #signIn(signal: AbortSignal): Promise<IssuedToken> {
    const { http, settings, now } = this.#options
    const { signIn } = settings
    if (signIn.kind !== 'client') throw new VendorError('settings', 'a user signs in without a token')
    const { tokenUrl, clientId, clientSecret } = signIn
    const answer = await http.request({
      method: 'POST',
      url: tokenUrl,
      origins: [tokenUrl.origin],
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret.reveal(),
      }).toString(),
      signal,
    })
    // RFC 6749, 5.2: 400 with `invalid_client`, or 401.
    if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
      throw new VendorError('credentials', `the OAuth client is refused (${answer.status})`)
    }
    const granted = objectIn(expectOk(answer, 'the token').json())
    const token = text(granted, 'access_token') ?? longToken(granted)
    if (token === undefined) throw new VendorError('protocol', 'the answer for the token has none')
    return { token, expiresAt: now() + (count(granted, 'expires_in') ?? 3600) * 1000 }
  }
}

/** JWTs are longer than any value of a device. */
function longToken(granted: VendorRecord): string | undefined {
  const token = member(granted, 'access_token')
  return typeof token === 'string' && /^[\w.~+/=-]+$/.test(token) ? token : undefined
}

function readDevice(vendor: string, record: VendorRecord): ManagedDevice | undefined {
  const id = idOf(record)
  if (id === undefined) return undefined
  const model = text(record, 'Model')
  return managedDevice(vendor, {
    id,
    udid: text(record, 'Udid'),
    serial: text(record, 'SerialNumber'),
    imei: [text(record, 'Imei')],
    easDeviceId: texts(record, 'EasId', 'EasIds'),
    userName: text(record, 'UserName'),
    email: text(record, 'UserEmailAddress'),
    platform: text(record, 'Platform'),
    model,
    modelCode: codeIn(model),
    osVersion: text(record, 'OperatingSystem'),
    management: enrollments[key(record, 'EnrollmentStatus')] ?? 'unknown',
    compliance: compliances[key(record, 'ComplianceStatus')] ?? 'unknown',
    compromised: flag(record, 'CompromisedStatus'),
    lastSeen: instant(record, 'LastSeen'),
    reasons: reasonsIn(record),
  })
}

/** The number that events and other calls use as well. */
function idOf(record: VendorRecord): string | undefined {
  const id = object(record, 'Id')
  const value = id === undefined ? text(record, 'Id') : text(id, 'Value')
  return value !== undefined && /^\d{1,18}$/.test(value) ? value : undefined
}

/** `samsung SM-G991B`: Android's models carry their code, Apple's do not. */
function codeIn(model: string | undefined): string | undefined {
  return /\b(?:SM-[A-Z0-9]{3,10}|i(?:Phone|Pad)\d+,\d+)\b/.exec(model ?? '')?.[0]
}

function key(record: VendorRecord, name: string): string {
  return (text(record, name) ?? '').toLowerCase().replaceAll(' ', '')
}

const enrollments: Readonly<Record<string, ManagementState>> = {
  enrolled: 'managed',
  discovered: 'pending',
  registered: 'pending',
  enrollmentinprogress: 'pending',
  enterprisewipepending: 'leaving',
  devicewipepending: 'leaving',
  wipeinitiated: 'leaving',
  retired: 'gone',
  unenrolled: 'gone',
  devicenotfound: 'unmanaged',
}

const compliances: Readonly<Record<string, ComplianceState>> = {
  compliant: 'compliant',
  allowed: 'compliant',
  noncompliant: 'noncompliant',
  blocked: 'noncompliant',
  quarantined: 'noncompliant',
  registrationexpired: 'noncompliant',
  notapplicable: 'notapplicable',
}

/** The names of the policies that are broken. */
function reasonsIn(record: VendorRecord): readonly string[] {
  const policies = object(record, 'ComplianceSummary')?.DeviceCompliance
  if (!Array.isArray(policies)) return []
  return policies
    .filter(isObject)
    .filter((policy) => flag(policy, 'CompliantStatus') === false)
    .map((policy) => [text(policy, 'PolicyName'), text(policy, 'PolicyDetail')].filter(Boolean).join(': '))
    .filter((reason) => reason !== '')
}
