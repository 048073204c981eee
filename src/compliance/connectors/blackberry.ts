import type { ManagedDevice } from '../../domain/managed-device.ts'
import { isObject } from '../../lib/json.ts'
import type { BlackBerrySettings } from '../../settings/sections/vendors/blackberry.ts'
import {
  type BlackBerryReading,
  type BlackBerryUser,
  readBareDevice,
  readUser,
  readUserDevice,
  unknownUser,
} from './blackberry/device.ts'
import { signIn } from './blackberry/sign-in.ts'
import { type Connector, type CreateConnector, VendorError, type VendorPage } from './connector.ts'
import { AccessToken } from './parts/access-token.ts'
import { concurrently } from './parts/concurrently.ts'
import { expectOk } from './parts/expect.ts'
import { listAt, objectIn, readPage, SweepWatch } from './parts/page.ts'
import { count, member, text, type VendorRecord } from './parts/record.ts'
import { type SignedInSend, signedIn } from './parts/signed-in.ts'
import type { VendorAnswer } from './vendor-http.ts'

/**
 * BlackBerry UEM, by its web services (REST). Compliance and last contact stand in the *user device*, which is asked for
 * by user: one request for each user who has a device, a few of them at a time.
 */
export const createBlackBerry: CreateConnector<BlackBerrySettings> = ({ name, settings, http, now }) => {
  const token = new AccessToken((signal) => signIn({ http, now, auth: settings.auth }, signal), now)
  const uem = signedIn(http, token, settings.auth.kind === 'client' ? 'Bearer ' : '')
  const unmanagedTypes = new Set(settings.unmanagedTypes.map((type) => type.toUpperCase()))
  return new BlackBerry({ uem, settings, reading: { vendor: name, unmanagedTypes } })
}

interface Parts {
  readonly uem: SignedInSend
  readonly settings: BlackBerrySettings
  readonly reading: BlackBerryReading
}

class BlackBerry implements Connector {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * The list of devices tells which users have one and how many devices there are; then each of these users' devices
   * are read in full.
   */
  async *sweep(signal: AbortSignal): AsyncGenerator<VendorPage> {
    const watch = new SweepWatch()
    const owners = new Set<string>()
    const orphans: ManagedDevice[] = []
    let total = 0
    let listed = 0
    for await (const page of this.#pages('devices', '', signal)) {
      listed += page.list.length
      total = page.total ?? listed
      for (const device of page.list) this.#noteOwner(device, owners, orphans)
    }
    for await (const page of this.#ownersDevices(owners, signal)) yield watch.page({ ...page, total })
    if (orphans.length > 0) yield watch.page({ devices: orphans, total })
    watch.end()
  }

  /** Devices that were activated since: there is no filter on the last contact. */
  async *changes(since: number, signal: AbortSignal): AsyncGenerator<VendorPage> {
    const query = `activationDate>=${new Date(since).toISOString()}`
    for await (const { list } of this.#pages('devices', query, signal)) {
      const owners = new Set<string>()
      const orphans: ManagedDevice[] = []
      for (const device of list) this.#noteOwner(device, owners, orphans)
      const lists = await this.#inParallel([...owners], (owner) => this.#fullUserDevices(owner, signal))
      yield { devices: [...lists.flatMap(({ devices }) => devices), ...orphans] }
    }
  }

  /** `GET /devices/{guid}` is not there in the cloud: the query names the device, its link the user device. */
  async lookup(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'> {
    if (!/^[\w.-]{1,128}$/.test(vendorDeviceId)) return 'gone'
    const answer = await this.#get(`devices?${listQuery(`guid=${vendorDeviceId}`, 0, 1)}`, 'devices', signal)
    const [device] = listAt(objectIn(expectOk(answer, 'the device').json()).devices, 'devices')
    if (!isObject(device)) return 'gone'
    if (text(device, 'guid') !== vendorDeviceId) {
      throw new VendorError('protocol', 'UEM answered with another device than the one asked for')
    }
    const owner = ownerOf(device)
    const bare = readBareDevice(device, this.#parts.reading) ?? 'gone'
    if (owner === undefined) return bare
    const { devices } = await this.#fullUserDevices(owner, signal)
    return devices.find((found) => found.vendorDeviceId === vendorDeviceId) ?? bare
  }

  async close(): Promise<void> {}

  #noteOwner(device: unknown, owners: Set<string>, orphans: ManagedDevice[]): void {
    if (!isObject(device)) return
    const owner = ownerOf(device)
    if (owner !== undefined) owners.add(owner)
    else {
      const bare = readBareDevice(device, this.#parts.reading)
      if (bare !== undefined) orphans.push(bare)
    }
  }

  /** Users come in pages; an owner who was in none of them is asked for by its guid. */
  async *#ownersDevices(owners: Set<string>, signal: AbortSignal): AsyncGenerator<VendorPage> {
    for await (const { list } of this.#pages('users', '', signal)) {
      const present = list.filter(isObject).flatMap((user) => {
        const guid = text(user, 'guid')
        return guid !== undefined && owners.delete(guid) ? [{ guid, user: readUser(user) }] : []
      })
      yield* this.#inBatches(present, ({ guid, user }) => this.#userDevices(guid, user, signal))
    }
    yield* this.#inBatches([...owners], (owner) => this.#fullUserDevices(owner, signal))
  }

  async *#inBatches<Item>(
    items: readonly Item[],
    read: (item: Item) => Promise<VendorPage>,
  ): AsyncGenerator<VendorPage> {
    for (let start = 0; start < items.length; start += batch) {
      yield merged(await this.#inParallel(items.slice(start, start + batch), read))
    }
  }

  #inParallel<Item, Result>(items: readonly Item[], read: (item: Item) => Promise<Result>) {
    return concurrently(items, this.#parts.settings.concurrency, read)
  }

  async #fullUserDevices(owner: string, signal: AbortSignal): Promise<VendorPage> {
    const answer = await this.#get(`users/${encodeURIComponent(owner)}`, 'user', signal)
    const user = answer.status === 404 ? undefined : objectIn(expectOk(answer, 'the user').json())
    return this.#userDevices(owner, user === undefined ? unknownUser : readUser(user), signal)
  }

  async #userDevices(owner: string, user: BlackBerryUser, signal: AbortSignal): Promise<VendorPage> {
    const path = `users/${encodeURIComponent(owner)}/userDevices`
    const answer = await this.#get(path, 'userdevices', signal)
    if (answer.status === 404) return { devices: [] } // deleted since the list was read
    const body = objectIn(expectOk(answer, 'the devices of a user').json())
    // Null fields are left out: a user without devices may have no list at all.
    const records = body.userDevices === undefined ? [] : listAt(body.userDevices, 'userDevices')
    return readPage(records, undefined, (record) => readUserDevice(record, user, this.#parts.reading))
  }

  async *#pages(
    what: 'devices' | 'users',
    query: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly list: readonly unknown[]; readonly total: number | undefined }> {
    const { pageSize } = this.#parts.settings
    let first: string | undefined
    for (let offset = 0; ; ) {
      const answer = await this.#get(`${what}?${listQuery(query, offset, pageSize)}`, what, signal)
      const body = objectIn(expectOk(answer, `the list of ${what}`).json())
      const list = listAt(body[what], what)
      refuseRepeated(list, first)
      first = guidOfFirst(list)
      const total = count(body, 'total')
      yield { list, total }
      offset += list.length
      // Some versions allow fewer than they are asked for: the total is believed more than a short page.
      if (list.length === 0 || (total === undefined ? list.length < pageSize : offset >= total)) return
    }
  }

  #get(path: string, type: string, signal: AbortSignal): Promise<VendorAnswer> {
    return this.#parts.uem({
      url: `api/v1/${path}`,
      headers: { accept: `application/vnd.blackberry.${type}-v1+json` },
      signal,
    })
  }
}

/** Users whose devices make one page of the sweep. */
const batch = 200

function merged(pages: readonly VendorPage[]): VendorPage {
  const unreadable = pages.flatMap((page) => page.unreadable ?? [])
  const [first] = unreadable
  return {
    devices: pages.flatMap(({ devices }) => devices),
    ...(first && {
      unreadable: {
        count: unreadable.reduce((sum, each) => sum + each.count, 0),
        reason: first.reason,
      },
    }),
  }
}

function listQuery(query: string, offset: number, max: number): string {
  const filter = query === '' ? '' : `query=${encodeURIComponent(query)}&`
  return `${filter}max=${max}&offset=${offset}&sortBy=guid%20ASC&includeTotal=true`
}

/** Of the link to the user device: `…/users/{user}/userDevices/{userDevice}`. Only the guid is taken of it. */
function ownerOf(device: VendorRecord): string | undefined {
  const links = member(device, 'links')
  if (!Array.isArray(links)) return undefined
  for (const link of links) {
    if (!isObject(link) || text(link, 'rel')?.toLowerCase() !== 'userdevice') continue
    const guid = /\/users\/([\w.-]{1,128})\/userDevices\//i.exec(text(link, 'href') ?? '')?.[1]
    if (guid !== undefined) return guid
  }
  return undefined
}

function guidOfFirst([first]: readonly unknown[]): string | undefined {
  return isObject(first) ? text(first, 'guid') : undefined
}

function refuseRepeated(list: readonly unknown[], previous: string | undefined): void {
  if (previous === undefined || guidOfFirst(list) !== previous) return
  throw new VendorError('incomplete', 'UEM gives the same page again')
}
