import type { ManagedDevice } from '../../domain/managed-device.ts'
import type { JamfSettings } from '../../settings/sections/vendors/jamf.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { type JamfReading, type NoncompliantGroup, readJamfDevice } from './jamf/device.ts'
import { readJamfWebhook } from './jamf/webhook.ts'
import { AccessToken, type IssuedToken } from './parts/access-token.ts'
import { clientCredentialsToken } from './parts/client-credentials.ts'
import { basic, expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, instantOf, object, text } from './parts/record.ts'
import { type SignedInSend, signedIn } from './parts/signed-in.ts'
import type { VendorAnswer, VendorHttp } from './vendor-http.ts'

/**
 * Jamf Pro: mobile devices. It has no verdict on them, so that a smart group whose criteria mean out of compliance
 * stands for it; its members are read first, and the devices in it are noncompliant.
 */
export function createJamf({ name, settings, http, now }: ConnectorOptions<JamfSettings>): Connector {
  const token = new AccessToken((signal) => signIn({ http, now, settings }, signal), now)
  return new Jamf({ jamf: signedIn(http, token, 'Bearer '), settings, vendor: name })
}

interface Parts {
  readonly jamf: SignedInSend
  readonly settings: JamfSettings
  readonly vendor: string
}

interface Filtered {
  readonly reading: JamfReading
  readonly filter: string
  readonly fits: (device: ManagedDevice) => boolean
}

class FilterRefused extends VendorError {
  constructor() {
    super('protocol', 'Jamf Pro does not take the filter (400)')
  }
}

class Jamf implements Connector {
  readonly #parts: Parts
  #refusesFilters = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async *sweep(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const watch = new SweepWatch()
    const reading = await this.#reading(signal)
    for await (const page of this.#pages(reading, undefined, signal)) yield watch.page(page)
    watch.end()
  }

  /** Devices whose inventory came in since. Joining the group by the clock alone is not among it. */
  async *changes(since: number, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const filter = `lastInventoryUpdateDate>="${new Date(since).toISOString()}"`
    const fits = ({ lastSeen }: ManagedDevice) => lastSeen !== undefined && lastSeen >= since
    yield* this.#filtered({ reading: await this.#reading(signal), filter, fits }, signal)
  }

  async *noncompliant(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const reading = await this.#reading(signal)
    const fits = ({ compliance }: ManagedDevice) => compliance === 'noncompliant'
    const ids = [...reading.noncompliant.members]
    for (let start = 0; start < ids.length; start += batch) {
      const some = ids.slice(start, start + batch)
      yield* this.#filtered({ reading, filter: `mobileDeviceId=in=(${some.join(',')})`, fits }, signal)
    }
  }

  /** By the list with a filter: the address of one device answers in another shape. */
  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^\d{1,12}$/.test(vendorDeviceId)) return 'gone'
    const reading = await this.#reading(signal)
    const { devices } = await this.#page(
      reading,
      { filter: `mobileDeviceId==${vendorDeviceId}`, page: 0 },
      signal,
    )
    const device = devices.find((found) => found.vendorDeviceId === vendorDeviceId)
    if (device !== undefined) return device
    if (devices.length === 0) return 'gone'
    throw new VendorError('protocol', 'Jamf Pro answered with other devices than the one asked for')
  }

  readonly readWebhook = readJamfWebhook

  async close(): Promise<void> {}

  /** What a filter may name differs between versions: where it is refused or ignored, the devices are sorted out here. */
  async *#filtered({ reading, filter, fits }: Filtered, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const usable = !this.#refusesFilters
    try {
      for await (const { devices } of this.#pages(reading, usable ? filter : undefined, signal)) {
        yield { devices: devices.filter(fits) }
      }
    } catch (error) {
      if (!(error instanceof FilterRefused)) throw error
      this.#refusesFilters = true
      yield* this.#filtered({ reading, filter, fits }, signal)
    }
  }

  async *#pages(
    reading: JamfReading,
    filter: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<VendorPage> {
    let listed = 0
    for (let page = 0; ; page++) {
      const read = await this.#page(reading, { filter, page }, signal)
      const records = read.devices.length + (read.unreadable?.count ?? 0)
      listed += records
      yield read
      if (
        records === 0 ||
        (read.total === undefined ? records < this.#parts.settings.pageSize : listed >= read.total)
      )
        return
    }
  }

  async #page(
    reading: JamfReading,
    { filter, page }: { readonly filter: string | undefined; readonly page: number },
    signal: AbortSignal,
  ): Promise<VendorPage> {
    const query = new URLSearchParams({
      page: String(page),
      'page-size': String(this.#parts.settings.pageSize),
      sort: 'mobileDeviceId:asc',
      ...(filter !== undefined && { filter }),
      ...this.#parts.settings.query,
    })
    for (const section of sections) query.append('section', section)
    const answer = await this.#get(`api/v2/mobile-devices/detail?${query}`, signal)
    if (filter !== undefined && answer.status === 400) throw new FilterRefused()
    const body = objectIn(expectOk(answer, 'the list of mobile devices').json())
    return readPage(listAt(body.results, 'results'), count(body, 'totalCount'), (record) =>
      readJamfDevice(record, reading),
    )
  }

  /** Read anew for each listing and lookup: a device that has just been mended must not wait for it. */
  async #reading(signal: AbortSignal): Promise<JamfReading> {
    return { vendor: this.#parts.vendor, noncompliant: await this.#readGroup(signal) }
  }

  async #readGroup(signal: AbortSignal): Promise<NoncompliantGroup> {
    const id = this.#parts.settings.noncompliantGroup
    const answer = await this.#get(`JSSResource/mobiledevicegroups/id/${id}`, signal)
    if (answer.status === 404) {
      throw new VendorError(
        'settings',
        `Jamf Pro has no mobile device group ${id}; check \`noncompliantGroup\``,
      )
    }
    const body = objectIn(expectOk(answer, 'the group of noncompliant devices').json())
    const group = objectIn(object(body, 'mobile_device_group'))
    const members = listAt(group.mobile_devices, 'mobile_devices').map(idOf)
    return { name: text(group, 'name') ?? id, members: new Set(members) }
  }

  #get(url: string, signal: AbortSignal): Promise<VendorAnswer> {
    return this.#parts.jamf({ url, headers: { accept: 'application/json' }, signal })
  }
}

const sections = ['GENERAL', 'HARDWARE', 'SECURITY', 'USER_AND_LOCATION', 'NETWORK']

/** Devices that are asked for in one filter: the address must not get too long. */
const batch = 100

function idOf(member: unknown): string {
  const id = text(objectIn(member), 'id')
  // A member without an id would count as compliant.
  if (id === undefined) throw new VendorError('protocol', 'a member of the group has no id')
  return id
}

interface SignIn {
  readonly http: VendorHttp
  readonly now: () => number
  readonly settings: JamfSettings
}

/** An API client, or for older versions a user, whose token lasts 30 minutes. */
async function signIn(
  { http, now, settings: { auth, url } }: SignIn,
  signal: AbortSignal,
): Promise<IssuedToken> {
  if (auth.kind === 'client') {
    const form = { client_id: auth.clientId, client_secret: auth.clientSecret.reveal() }
    const tokenUrl = new URL('api/oauth/token', url.href.replace(/\/?$/, '/'))
    return await clientCredentialsToken({ http, now }, { tokenUrl, form }, signal)
  }
  const answer = await http.request({
    method: 'POST',
    url: 'api/v1/auth/token',
    headers: { authorization: basic(auth.user, auth.password.reveal()) },
    signal,
  })
  const body = objectIn(expectOk(answer, 'signing in').json())
  const token = typeof body.token === 'string' && /^[\x21-\x7e]+$/.test(body.token) ? body.token : undefined
  if (token === undefined)
    throw new VendorError('protocol', 'Jamf Pro’s answer to the sign-in holds no token')
  return { token, expiresAt: instantOf(body.expires) ?? now() + 15 * 60_000 }
}
