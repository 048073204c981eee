import type { IntuneSettings } from '../../settings/sections/vendors/intune.ts'
import { type Connector, type CreateConnector, VendorError, type VendorPage } from './connector.ts'
import { type IntuneReading, readIntuneDevice, selectedFields } from './intune/device.ts'
import { AccessToken } from './parts/access-token.ts'
import { clientCredentialsToken } from './parts/client-credentials.ts'
import { expectOk } from './parts/expect.ts'
import { NextPages } from './parts/next-pages.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, type VendorRecord } from './parts/record.ts'
import { type SignedInSend, signedIn } from './parts/signed-in.ts'
import type { VendorAnswer } from './vendor-http.ts'

/**
 * Microsoft Intune, by Microsoft Graph: application permission DeviceManagementManagedDevices.Read.All. Retired and
 * wiped devices disappear from the list, which only a full sweep shows.
 */
export const createIntune: CreateConnector<IntuneSettings> = ({ name, settings, http, now }) => {
  const { tenant, clientId, clientSecret, loginUrl, url, conflict, error } = settings
  const tokenUrl = new URL(`/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, loginUrl)
  const form = {
    client_id: clientId,
    client_secret: clientSecret.reveal(),
    scope: new URL('/.default', url).href,
  }
  const token = new AccessToken(
    (signal) => clientCredentialsToken({ http, now }, { tokenUrl, form }, signal),
    now,
  )
  const graph = signedIn(http, token, 'Bearer ')
  return new Intune({ graph, settings, reading: { vendor: name, conflict, error } })
}

interface Parts {
  readonly graph: SignedInSend
  readonly settings: Pick<IntuneSettings, 'url' | 'pageSize'>
  readonly reading: IntuneReading
}

class Intune implements Connector {
  readonly #parts: Parts
  readonly #devices: URL

  constructor(parts: Parts) {
    this.#parts = parts
    this.#devices = new URL('/v1.0/deviceManagement/managedDevices', parts.settings.url)
  }

  async *sweep(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const watch = new SweepWatch()
    for await (const page of this.#pages({}, signal)) yield watch.page(page)
    watch.end()
  }

  changes(since: number, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const filter = `lastSyncDateTime gt ${new Date(since).toISOString()}`
    return this.#filtered(filter, ({ lastSeen }) => lastSeen !== undefined && lastSeen > since, signal)
  }

  noncompliant(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const filter = "complianceState eq 'noncompliant'"
    return this.#filtered(filter, ({ compliance }) => compliance === 'noncompliant', signal)
  }

  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<VendorPage['devices'][number] | 'gone'> {
    if (!/^[0-9a-f-]{36}$/i.test(vendorDeviceId)) return 'gone'
    const url = new URL(`${this.#devices.pathname}/${encodeURIComponent(vendorDeviceId)}`, this.#devices)
    const fields = selectedFields.join(',')
    let answer = await this.#get(withQuery(url, { $select: `${fields},udid` }), signal)
    // A tenant whose schema has no udid refuses the field.
    if (answer.status === 400) answer = await this.#get(withQuery(url, { $select: fields }), signal)
    if (answer.status === 404) return 'gone'
    const device = this.#read(objectIn(expectOk(answer, 'the device').json()))
    if (device?.vendorDeviceId === vendorDeviceId) return device
    throw new VendorError('protocol', 'Graph answered with another device than the one asked for')
  }

  async close(): Promise<void> {}

  /** Filters are supported in part: where Graph refuses one, everything is read and sorted out here. */
  async *#filtered(
    filter: string,
    fits: (device: VendorPage['devices'][number]) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<VendorPage> {
    try {
      yield* this.#pages({ $filter: filter }, signal)
    } catch (error) {
      if (!(error instanceof FilterRefused)) throw error
      for await (const { devices } of this.#pages({}, signal)) yield { devices: devices.filter(fits) }
    }
  }

  async *#pages(query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const { pageSize } = this.#parts.settings
    const next = new NextPages()
    const first = withQuery(this.#devices, {
      $select: selectedFields.join(','),
      $top: String(pageSize),
      ...query,
    })
    for (let url: string | undefined = first; url !== undefined; ) {
      const answer = await this.#get(url, signal)
      if (url === first && query.$filter !== undefined) refuseFilter(answer)
      refuseExpired(answer, url !== first)
      const body = objectIn(expectOk(answer, 'the list of devices').json())
      const records = listAt(body.value, 'value')
      yield readPage(records, count(body, '@odata.count'), (record) => this.#read(record))
      url = nextLink(body)
      if (url !== undefined) next.check(url, records.length)
    }
  }

  #read(record: VendorRecord) {
    return readIntuneDevice(record, this.#parts.reading)
  }

  /** The base address of `http` is Graph's, so that a next-link to another host is refused there. */
  #get(url: string, signal: AbortSignal): Promise<VendorAnswer> {
    return this.#parts.graph({ url, headers: { accept: 'application/json' }, signal })
  }
}

class FilterRefused extends Error {}

function refuseFilter({ status }: VendorAnswer): void {
  if (status === 400) throw new FilterRefused()
}

/** A page's token that ran out: 410, or 400 with one of two codes. The next sweep begins anew. */
function refuseExpired(answer: VendorAnswer, isNext: boolean): void {
  const expired =
    answer.status === 410 || (answer.status === 400 && /syncStateNotFound|resyncRequired/i.test(answer.text))
  if (isNext && expired) {
    throw new VendorError('incomplete', 'Graph’s next page ran out while the devices were read')
  }
}

/** One that is there and not a text is a broken page, and must not end the sweep as if it were the last. */
function nextLink(body: VendorRecord): string | undefined {
  const link = body['@odata.nextLink']
  if (link === null || !Object.hasOwn(body, '@odata.nextLink')) return undefined
  if (typeof link === 'string' && link !== '') return link
  throw new VendorError('protocol', 'Graph’s next page has no address')
}

/** Written by hand: Graph wants `$` and commas as they are. */
function withQuery(url: URL, query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2C', ',')}`,
  )
  return `${url.href}?${pairs.join('&')}`
}
