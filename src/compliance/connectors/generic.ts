import type { ManagedDevice } from '../../domain/managed-device.ts'
import { isObject } from '../../lib/json.ts'
import { atJsonPointer, parseJsonPointer } from '../../lib/json-pointer.ts'
import type { GenericVendorSettings } from '../../settings/sections/vendors/generic.ts'
import { type Connector, type ConnectorOptions, VendorError, type VendorPage } from './connector.ts'
import { genericPages } from './generic/pages.ts'
import { genericReader, type ReadGeneric } from './generic/record.ts'
import { AccessToken } from './parts/access-token.ts'
import { clientCredentialsToken } from './parts/client-credentials.ts'
import { basic, expectOk } from './parts/expect.ts'
import { readPage, SweepWatch } from './parts/page.ts'
import { type SignedInSend, signedIn } from './parts/signed-in.ts'

/** Any system that lists its devices as JSON: the settings say where, in which pages, and what its words mean. */
export function createGeneric(options: ConnectorOptions<GenericVendorSettings>): Connector {
  const { device, noncompliantQuery } = options.settings
  const generic = new Generic(options)
  return {
    sweep: (signal) => generic.sweep(signal),
    ...(noncompliantQuery && { noncompliant: (signal) => generic.noncompliant(noncompliantQuery, signal) }),
    ...(device && { lookup: (id, signal) => generic.lookup(device, id, signal) }),
    async close() {},
  }
}

class Generic {
  readonly #settings: GenericVendorSettings
  readonly #send: SignedInSend
  readonly #read: ReadGeneric

  constructor(options: ConnectorOptions<GenericVendorSettings>) {
    this.#settings = options.settings
    this.#send = sender(options)
    this.#read = genericReader(options.settings)
  }

  async *sweep(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const watch = new SweepWatch()
    for await (const page of this.#pages(this.#settings.query, signal)) yield watch.page(page)
    watch.end()
  }

  /** A server that does not know the filter gives all devices. */
  async *noncompliant(
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<VendorPage> {
    for await (const { devices } of this.#pages(query, signal)) {
      yield { devices: devices.filter(({ compliance }) => compliance === 'noncompliant') }
    }
  }

  async lookup(
    { url, pointer }: NonNullable<GenericVendorSettings['device']>,
    id: string,
    signal: AbortSignal,
  ): Promise<ManagedDevice | 'gone'> {
    // Dots alone would name another place, however they are written.
    if (/^[\s.]*$/.test(id)) return 'gone'
    const answer = await this.#get(new URL(url.replace('{id}', () => encodeURIComponent(id))), signal)
    if (answer.status === 404 || answer.status === 410) return 'gone'
    const record = atJsonPointer(expectOk(answer, 'the device').json(), parseJsonPointer(pointer))
    const device = isObject(record) ? this.#read(record) : undefined
    if (device?.vendorDeviceId === id) return device
    throw new VendorError('protocol', 'the answer holds another device than the one asked for')
  }

  async *#pages(query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const fetch = async (url: URL) => expectOk(await this.#get(url, signal), 'the list of devices').json()
    for await (const { records, total } of genericPages(this.#settings, query, fetch)) {
      yield readPage(records, total, this.#read)
    }
  }

  #get(url: URL, signal: AbortSignal) {
    return this.#send({ url, headers: this.#settings.headers, signal })
  }
}

/** Sends with what the settings' `auth` asks for. */
function sender({ http, now, settings: { auth } }: ConnectorOptions<GenericVendorSettings>): SignedInSend {
  if (auth.kind === 'oauth2') {
    const { tokenUrl, clientId, clientSecret, scope, send } = auth
    const secret = clientSecret.reveal()
    const credentials = {
      tokenUrl,
      form: {
        ...(scope !== undefined && { scope }),
        ...(send === 'form' && { client_id: clientId, client_secret: secret }),
      },
      // RFC 6749, 2.3.1: both are form-encoded before they are put together.
      headers:
        send === 'basic'
          ? { authorization: basic(encodeURIComponent(clientId), encodeURIComponent(secret)) }
          : {},
    }
    const token = new AccessToken((signal) => clientCredentialsToken({ http, now }, credentials, signal), now)
    return signedIn(http, token, 'Bearer ')
  }
  const shown = shownCredentials(auth)
  return (request) => http.request({ ...request, headers: { ...request.headers, ...shown } })
}

function shownCredentials(
  auth: Exclude<GenericVendorSettings['auth'], { kind: 'oauth2' }>,
): Record<string, string> {
  switch (auth.kind) {
    case 'none':
      return {}
    case 'basic':
      return { authorization: basic(auth.user, auth.password.reveal()) }
    case 'bearer':
      return { authorization: `Bearer ${auth.token.reveal()}` }
    case 'header':
      return { [auth.name.toLowerCase()]: auth.value.reveal() }
  }
}
