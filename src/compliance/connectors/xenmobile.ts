import type { ManagedDevice, ManagementState } from '../../domain/managed-device.ts'
import { isObject } from '../../lib/json.ts'
import type { XenmobileSettings } from '../../settings/sections/vendors/xenmobile.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { AccessToken, type IssuedToken } from './parts/access-token.ts'
import { managedDevice } from './parts/device.ts'
import { expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, flag, instant, member, object, text, type VendorRecord } from './parts/record.ts'
import type { VendorAnswer } from './vendor-http.ts'

/**
 * Citrix XenMobile Server / Endpoint Management: a token in a header of its own, lists by POST. A record does not say
 * whether its device is compliant: the vendor's filter lists those that an automated action has marked as out of
 * compliance, and it is asked before each list. Where no such action is set up, nothing is ever out of compliance.
 */
export function createXenmobile(options: ConnectorOptions<XenmobileSettings>): Connector {
  return new Xenmobile(options)
}

const outOfCompliance = "['device.status.out.of.compliance']"
const everything = '[]'

class Xenmobile implements Connector {
  readonly #options: ConnectorOptions<XenmobileSettings>
  readonly #token: AccessToken

  constructor(options: ConnectorOptions<XenmobileSettings>) {
    this.#options = options
    this.#token = new AccessToken((signal) => this.#signIn(signal), options.now)
  }

  async *sweep(signal: AbortSignal): AsyncIterable<VendorPage> {
    const out = await this.#outOfCompliance(signal)
    yield* this.#pages(everything, (id) => out.has(id), signal)
  }

  noncompliant(signal: AbortSignal): AsyncIterable<VendorPage> {
    return this.#pages(outOfCompliance, () => true, signal)
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^[\w-]{1,64}$/.test(vendorDeviceId)) return 'gone'
    const answer = await this.#send({ url: `xenmobile/api/v1/device/${vendorDeviceId}`, signal })
    if (answer.status === 404) return 'gone'
    const record = object(successIn(answer, 'the device'), 'device')
    if (record === undefined) throw new VendorError('protocol', 'the answer for one device has no `device`')
    const out = await this.#outOfCompliance(signal)
    return this.#read(record, (id) => out.has(id)) ?? 'gone'
  }

  /** Signs out: the server allows few sessions at the same time. */
  async close(): Promise<void> {
    const { http, settings } = this.#options
    const token = this.#token.current
    if (token === undefined || settings.signIn.kind !== 'user') return
    const body = JSON.stringify({ login: settings.signIn.user })
    const headers = { ...jsonBody, auth_token: token }
    const signal = AbortSignal.timeout(5000)
    // It would end by itself; a server that is gone must not keep this process from ending.
    await http
      .request({ method: 'POST', url: 'xenmobile/api/v1/authentication/logout', headers, body, signal })
      .catch(() => {})
  }

  async #outOfCompliance(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const out = new Set<string>()
    for await (const { devices } of this.noncompliant(signal)) {
      for (const { vendorDeviceId } of devices) out.add(vendorDeviceId)
    }
    return out
  }

  async *#pages(
    filterIds: string,
    isOut: (id: string) => boolean,
    signal: AbortSignal,
  ): AsyncIterable<VendorPage> {
    const watch = new SweepWatch()
    for (let start = 0; ; ) {
      const answer = await this.#list(filterIds, start, signal)
      const records = listAt(answer.filteredDevicesDataList, 'filteredDevicesDataList')
      const total =
        filterIds === everything
          ? count(answer, 'totalCount', 'matchedRecords')
          : count(answer, 'matchedRecords')
      start += records.length
      yield watch.page(readPage(records, total, (record) => this.#read(record, isOut)))
      if (records.length === 0 || (total !== undefined && start >= total)) break
    }
    watch.end()
  }

  /** The vendor wants numbers and flags as texts, and the filter as a text that looks like a list. */
  async #list(filterIds: string, start: number, signal: AbortSignal): Promise<VendorRecord> {
    const { listPath, pageSize } = this.#options.settings
    const body = JSON.stringify({
      start: String(start),
      limit: String(pageSize),
      sortOrder: 'ASC',
      sortColumn: 'ID',
      search: '',
      // Without counting, the numbers in the answer are not to be trusted.
      enableCount: 'true',
      filterIds,
    })
    return successIn(await this.#send({ url: listPath, body, signal }), 'the list of devices')
  }

  #send(request: { url: string; body?: string; signal: AbortSignal }): Promise<VendorAnswer> {
    return this.#token.with(request.signal, async (token) => {
      const answer = await this.#options.http.request({
        ...request,
        method: request.body === undefined ? 'GET' : 'POST',
        headers: { ...jsonBody, auth_token: token },
      })
      // A token that has ended is answered with 403 and a body that is no JSON; other refusals say why.
      return answer.status === 401 || (answer.status === 403 && !isJson(answer)) ? undefined : answer
    })
  }

  #read(record: VendorRecord, isOut: (id: string) => boolean): ManagedDevice | undefined {
    return readDevice(record, { vendor: this.#options.name, isOut, now: this.#options.now() })
  }

  async #signIn(signal: AbortSignal): Promise<IssuedToken> {
    const { signIn } = this.#options.settings
    const [path, body] =
      signIn.kind === 'user'
        ? ['login', { login: signIn.user, password: signIn.password.reveal() }]
        : ['login/cloud', { bearerToken: await this.#cloudToken(signIn, signal) }]
    const answer = await this.#options.http.request({
      method: 'POST',
      url: `xenmobile/api/v1/authentication/${path}`,
      headers: jsonBody,
      body: JSON.stringify(body),
      signal,
    })
    if (answer.status === 401 || answer.status === 403) {
      throw new VendorError('credentials', `the sign-in is refused (${answer.status})`)
    }
    const token = text(objectIn(expectOk(answer, 'the sign-in').json()), 'auth_token')
    if (token === undefined) throw new VendorError('credentials', 'the sign-in gives no token')
    return { token }
  }

  async #cloudToken(
    { clientId, clientSecret, trustUrl }: Extract<XenmobileSettings['signIn'], { kind: 'cloud' }>,
    signal: AbortSignal,
  ): Promise<string> {
    const answer = await this.#options.http.request({
      method: 'POST',
      url: trustUrl,
      origins: [trustUrl.origin],
      headers: jsonBody,
      body: JSON.stringify({ clientId, clientSecret: clientSecret.reveal() }),
      signal,
    })
    if (answer.status >= 400) {
      throw new VendorError('credentials', `Citrix Cloud refuses the secure client (${answer.status})`)
    }
    const token = text(objectIn(answer.json()), 'token')
    if (token === undefined)
      throw new VendorError('credentials', 'Citrix Cloud gives the secure client no token')
    return token
  }
}

const jsonBody = { 'content-type': 'application/json' } as const

function isJson(answer: VendorAnswer): boolean {
  return /^\s*\{/.test(answer.text)
}

/** `status` other than 0 is an error, also with HTTP 200. */
function successIn(answer: VendorAnswer, what: string): VendorRecord {
  const body = objectIn(expectOk(answer, what).json())
  const status = text(body, 'status')
  if (status === undefined || status === '0') return body
  throw new VendorError(
    'protocol',
    `${what}: the vendor reports error ${status} in an answer with status 200`,
  )
}

interface Reading {
  readonly vendor: string
  readonly isOut: (id: string) => boolean
  readonly now: number
}

/** Reads a record of the list and, by its other names, one of the detail. */
function readDevice(record: VendorRecord, { vendor, isOut, now }: Reading): ManagedDevice | undefined {
  const id = text(record, 'id')
  if (id === undefined) return undefined
  const property = propertiesOf(record)
  const user = loginOf(text(record, 'userName', 'lastUsername'))
  const blocked = flag(record, 'gatewayBlocked') === true
  const out = isOut(id) || flag(property, 'OUT_OF_COMPLIANCE') === true
  return managedDevice(vendor, {
    id,
    udid: text(property, 'UDID'),
    serial: text(record, 'serialNumber') ?? text(property, 'SERIAL_NUMBER'),
    imei: [text(record, 'imeiOrMeid', 'imei')],
    easDeviceId: [text(record, 'activeSyncId', 'activesyncid')],
    userName: user,
    upn: user?.includes('@') ? user : undefined,
    platform: text(record, 'platform', 'devicePlatform') ?? text(property, 'SYSTEM_PLATFORM'),
    model: text(record, 'deviceModel', 'deviceType') ?? text(property, 'DEVICE_TYPE'),
    modelCode: text(record, 'productName') ?? text(property, 'PRODUCT_NAME'),
    osVersion: text(record, 'osVersion') ?? text(property, 'SYSTEM_OS_VERSION'),
    management: managementOf(record),
    compliance: out || blocked ? 'noncompliant' : 'compliant',
    compromised: flag(record, 'jailBroken'),
    lastSeen: lastSeenIn(record, now),
    reasons: [...(out ? ['Out of compliance'] : []), ...(blocked ? ['Blocked at the mail gateway'] : [])],
  })
}

function propertiesOf(record: VendorRecord): VendorRecord {
  const list = member(record, 'properties')
  if (!Array.isArray(list)) return {}
  return Object.fromEntries(list.filter(isObject).map((property) => [String(property.name), property.value]))
}

/** `anna@example.com "Anna Jensen"`: the login stands before the first blank. */
function loginOf(written: string | undefined): string | undefined {
  return written?.split(/\s/)[0] || undefined
}

const wipes = ['wipeDeviceFlag', 'corpWipeDeviceFlag', 'appWipeDeviceFlag', 'wipePending', 'corpWipePending']

function managementOf(record: VendorRecord): ManagementState {
  if (flag(record, 'revoked') === true) return 'gone'
  if (wipes.some((name) => flag(record, name) === true)) return 'leaving'
  const managed = flag(record, 'managed')
  return managed === undefined ? 'unknown' : managed ? 'managed' : 'unmanaged'
}

const day = 24 * 60 * 60_000

/**
 * The list gives only the days since the last contact; its text is in the server's own zone and language. The begin of
 * that day (UTC) stays the same from sweep to sweep, so that nothing is written when nothing has changed.
 */
function lastSeenIn(record: VendorRecord, now: number): number | undefined {
  const exact = instant(record, 'lastAuthDate', 'lastActivity')
  const days = count(record, 'inactivityDays')
  return exact ?? (days === undefined || days > 10_000 ? undefined : (Math.floor(now / day) - days) * day)
}
