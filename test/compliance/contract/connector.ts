import { inspect } from 'node:util'
import type { Test } from 'tap'
import { startSimulation } from '../../../sim/simulation.ts'
import { type SimulatedDevice, simulatedDevice } from '../../../sim/vendors/fleet.ts'
import {
  simulatedCredentials,
  type VendorSimulation,
  type VendorSimulationOptions,
} from '../../../sim/vendors/vendor-simulation.ts'
import type { Connector, VendorPage } from '../../../src/compliance/connectors/connector.ts'
import { VendorError } from '../../../src/compliance/connectors/connector.ts'
import type { VendorRetry } from '../../../src/compliance/connectors/http.ts'
import { openConnector } from '../../../src/compliance/connectors/table.ts'
import type { ManagedDevice } from '../../../src/domain/managed-device.ts'
import type { Mistake } from '../../../src/settings/mistake.ts'
import { VendorBuilder } from '../../../src/settings/sections/vendors/common.ts'
import { buildVendor, vendorSchema } from '../../../src/settings/sections/vendors/table.ts'
import { eventually } from '../../helpers/eventually.ts'

/** What the suite has to know of one vendor. */
export interface ConnectorSubject {
  start(options: VendorSimulationOptions): Promise<VendorSimulation>
  /**
   * The settings of a connection to this simulation as they would stand in the file, without `name`; secrets as
   * `{ env: 'password' }`, named like the members of `simulatedCredentials`.
   */
  settings(simulation: VendorSimulation): Readonly<Record<string, unknown>>
  /** Devices a page with these settings. */
  readonly pageSize: number
  /** Members of a record that say of its compliance what no document names. */
  readonly unheardOf: Readonly<Record<string, unknown>>
  /** A member that is read, so that 10 MB of it would do harm. */
  readonly longMember: string
  /** Members that take a record's id away. */
  readonly withoutId: Readonly<Record<string, unknown>>
  /** Signs in for tokens that end. */
  readonly tokens: boolean
  /** Pages name the next one by a link. */
  readonly nextLinks?: boolean
  /** What this vendor's list does not tell. */
  readonly cannot?: readonly Cannot[]
}

/** `total`: no total; `reason`: no words on why; the others: no such state. */
export type Cannot =
  | 'total'
  | 'reason'
  | 'pending'
  | 'leaving'
  | 'wiped'
  | 'compromised'
  | 'unknown'
  | 'forbidden'

export const contractNow = Date.parse('2026-11-22T12:00:00Z')

export interface ConnectorUnderTest {
  readonly simulation: VendorSimulation
  readonly connector: Connector
  readonly signal: AbortSignal
  readonly abort: AbortController
  /** What was waited for, in milliseconds; each wait moves the clock and takes no time. */
  readonly waits: readonly number[]
  readonly retries: readonly VendorRetry[]
  readonly clock: { now: number }
  /** The devices of a whole sweep, or of another listing. */
  all(pages?: AsyncIterable<VendorPage>): Promise<ManagedDevice[]>
  /** The error that ends a sweep, or another call; the test fails without one, or when it tells a secret. */
  failure(call?: () => Promise<unknown>): Promise<VendorError>
}

/** @param change of the settings; `env` of the secrets */
export async function connectorUnderTest(
  t: Test,
  subject: ConnectorSubject,
  change: {
    readonly settings?: object
    readonly env?: Readonly<Record<string, string>>
    readonly devices?: number
    /** Called at the beginning of each wait. */
    readonly onSleep?: (abort: AbortController) => void
  } = {},
): Promise<ConnectorUnderTest> {
  const clock = { now: contractNow }
  const now = () => clock.now
  const simulation = await subject.start({ port: 0, now, devices: change.devices ?? 0 })
  const abort = new AbortController()
  const waits: number[] = []
  const retries: VendorRetry[] = []
  const env = { ...simulatedCredentials, ...change.env }
  const connection = connectionOf(
    { name: 'vendor', ...subject.settings(simulation), ...change.settings },
    env,
  )
  const open = openConnector(connection, {
    now,
    random: () => 0.5,
    onRetry: (retry) => retries.push(retry),
    async sleep(milliseconds, signal) {
      change.onSleep?.(abort)
      signal?.throwIfAborted()
      waits.push(milliseconds)
      clock.now += milliseconds
    },
  })
  t.teardown(async () => {
    await open.close()
    await simulation.close()
  })
  const { connector } = open
  const { signal } = abort
  const all = async (pages = connector.sweep(signal)) =>
    (await pagesOf(pages)).flatMap(({ devices }) => devices)
  const failure = async (call: () => Promise<unknown> = all) => {
    const error = await call().then(
      () => t.fail('it ended as if all were well'),
      (error: unknown) => error,
    )
    const secrets = [...Object.values(env), ...simulation.issued].filter((value) => !publicValues.has(value))
    const told = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(retries)}`
    for (const secret of [...secrets, ...secrets.map(base64)]) t.notMatch(told, secret, 'no secret is told')
    t.ok(error instanceof VendorError, `a VendorError: ${inspect(error)}`)
    return error as VendorError // the line above has checked it
  }
  return { simulation, connector, signal, abort, waits, retries, clock, all, failure }
}

export async function pagesOf(listing: AsyncIterable<VendorPage>): Promise<VendorPage[]> {
  const pages: VendorPage[] = []
  for await (const page of listing) pages.push(page)
  return pages
}

const publicValues: ReadonlySet<string> = new Set([simulatedCredentials.user, simulatedCredentials.clientId])

function base64(secret: string): string {
  return Buffer.from(`${simulatedCredentials.user}:${secret}`).toString('base64')
}

/** Through the real settings, so that their checks and defaults hold here as well. */
export function connectionOf(written: object, env: Readonly<Record<string, string>>) {
  const mistakes: Mistake[] = []
  const readers = {
    env,
    resolve: (path: string) => path,
    readFile: () => ({ text: undefined, mistake: 'there are no files here' }),
  }
  const builder = new VendorBuilder(readers, ['compliance', 'vendors', 0], mistakes)
  const connection = buildVendor(vendorSchema.parse(written), builder)
  if (mistakes.length > 0) throw new Error(mistakes.map(({ message }) => message).join('; '))
  return connection
}

/** What holds for every connector. */
export async function connectorContract(t: Test, subject: ConnectorSubject): Promise<void> {
  const can = (what: Cannot) => !(subject.cannot ?? []).includes(what)
  const fleetSize = subject.pageSize * 2 + Math.ceil(subject.pageSize / 2)
  const start = (t: Test, change?: Parameters<typeof connectorUnderTest>[2]) =>
    connectorUnderTest(t, subject, change)
  const startFull = (t: Test) => start(t, { devices: fleetSize })

  t.test('a sweep gives the whole fleet, each device once, page by page', async (t) => {
    const { simulation, connector, signal } = await startFull(t)
    const pages = await pagesOf(connector.sweep(signal))
    t.ok(pages.length >= 3)
    const devices = pages.flatMap((page) => page.devices)
    t.equal(new Set(devices.map(({ vendorDeviceId }) => vendorDeviceId)).size, fleetSize)
    t.equal(devices.length, fleetSize)
    t.strictSame(devices.map(addressOf).sort(), emailsOf(simulation))
    if (can('total')) t.equal(pages[0]?.total, fleetSize)
    for (const page of pages) t.equal(page.unreadable, undefined)
  })

  t.test('ids, user, platform and version come in the form that all vendors share', async (t) => {
    const { all } = await start(t, { devices: 3 })
    const devices = await all()
    const expected = [1, 2, 3].map((index) => simulatedDevice(index, contractNow))
    for (const device of expected) {
      const found = devices.find((listed) => addressOf(listed) === device.email)
      t.equal(found?.vendor, 'vendor')
      t.equal(found?.platform, device.platform)
      t.equal(found?.osVersion, device.osVersion)
      t.equal(found?.management, 'managed')
      t.equal(found?.compliance, 'compliant')
      t.not(found?.compromised, true)
      t.ok(found?.ids.serial === device.serial || found?.ids.udid === device.udid, 'an id that others know')
      for (const imei of found?.ids.imei ?? []) t.equal(imei, device.imei.slice(0, 14))
      for (const id of found?.ids.easDeviceId ?? []) t.equal(id, device.easId.toLowerCase())
    }
  })

  t.test('two sweeps give a device the same key', async (t) => {
    const { all } = await start(t, { devices: 2 })
    const keys = async () => (await all()).map(({ vendorDeviceId }) => vendorDeviceId)
    t.strictSame(await keys(), await keys())
  })

  t.test('a fleet without devices is an empty sweep: whoever polls judges it', async (t) => {
    const { all } = await start(t)
    t.strictSame(await all(), [])
  })

  t.test('one device alone is listed like many', async (t) => {
    const { all } = await start(t, { devices: 1 })
    t.equal((await all()).length, 1)
  })

  t.test('a fleet that just fills its pages ends', async (t) => {
    const { all } = await start(t, { devices: subject.pageSize * 2 })
    t.equal((await all()).length, subject.pageSize * 2)
  })

  for (const { title, change, expect } of states(can)) {
    t.test(title, async (t) => {
      const { simulation, all } = await start(t, { devices: 3 })
      simulation.fleet.change('1002', change)
      const found = (await all()).find((device) => addressOf(device) === 'user2@example.com')
      t.ok(found !== undefined && expect(found), inspect(found))
    })
  }

  if (can('unknown')) {
    t.test('a state that nobody documented is unknown, never compliant', async (t) => {
      const { simulation, all } = await start(t, { devices: 3 })
      simulation.fleet.change('1002', { raw: subject.unheardOf })
      const found = (await all()).find((device) => addressOf(device) === 'user2@example.com')
      t.equal(found?.compliance, 'unknown')
    })
  }

  t.test('a record without an id is counted, and the others are read', async (t) => {
    const { simulation, connector, signal } = await start(t, { devices: 3 })
    simulation.fleet.change('1002', { raw: subject.withoutId })
    const pages = await pagesOf(connector.sweep(signal))
    t.equal(pages.flatMap(({ devices }) => devices).length, 2)
    t.equal(
      pages.reduce((sum, page) => sum + (page.unreadable?.count ?? 0), 0),
      1,
    )
    t.match(pages.find(({ unreadable }) => unreadable)?.unreadable?.reason, /id/)
  })

  t.test('a device that comes twice because pages shift is given once', async (t) => {
    const { simulation, all } = await startFull(t)
    simulation.faults = { duplicate: true }
    t.equal((await all()).length, fleetSize)
  })

  if (can('total')) {
    t.test('a total far above what was listed is no complete sweep', async (t) => {
      const { simulation, failure } = await startFull(t)
      simulation.faults = { total: fleetSize }
      t.equal((await failure()).code, 'incomplete')
    })
  }

  for (const [as, code] of brokenPages) {
    t.test(
      `a page that is broken (${as}) ends the sweep with an error, never as if it were whole`,
      async (t) => {
        const { simulation, connector, signal, failure } = await startFull(t)
        simulation.faults = { page: { number: 2, as } }
        const read: VendorPage[] = []
        const error = await failure(async () => {
          for await (const page of connector.sweep(signal)) read.push(page)
        })
        t.equal(error.code, code)
        t.equal(read.length, 1)
      },
    )
  }

  t.test('a sweep after a broken one reads the whole fleet again', async (t) => {
    const { simulation, all, failure } = await startFull(t)
    simulation.faults = { page: { number: 2, as: 'html' } }
    await failure()
    simulation.faults = {}
    t.equal((await all()).length, fleetSize)
  })

  t.test('10 MB in one field do not get into a device, and cost the sweep nothing else', async (t) => {
    const { simulation, all } = await start(t, { devices: 3 })
    simulation.fleet.change('1002', { raw: { [subject.longMember]: 'A'.repeat(10 * 1024 * 1024) } })
    const devices = await all()
    t.equal(devices.length, 3)
    t.ok(JSON.stringify(devices).length < 10_000)
  })

  t.test('429 is waited out as Retry-After says, in seconds', async (t) => {
    const { simulation, all, waits } = await startFull(t)
    simulation.faults = { throttle: { times: 2, retryAfter: '7' } }
    t.equal((await all()).length, fleetSize)
    t.equal(waits.length, 2)
    for (const wait of waits) t.ok(wait >= 7000 && wait < 40_000)
  })

  t.test('429 is waited out as Retry-After says, as a date', async (t) => {
    const { simulation, all, waits } = await startFull(t)
    const retryAfter = new Date(contractNow + 9000).toUTCString()
    simulation.faults = { throttle: { times: 1, retryAfter } }
    t.equal((await all()).length, fleetSize)
    t.ok((waits[0] ?? 0) >= 9000)
  })

  t.test('a vendor that throttles again and again ends the sweep, and says how long to wait', async (t) => {
    const { simulation, failure } = await startFull(t)
    simulation.faults = { throttle: { times: 1000, retryAfter: '20' } }
    const { code, retryAfter } = await failure()
    t.equal(code, 'throttled')
    t.equal(retryAfter, 20_000)
  })

  t.test('a failure that passes is not noticed, one that stays ends the sweep', async (t) => {
    const { simulation, all, failure } = await startFull(t)
    simulation.faults = { fail: 2 }
    t.equal((await all()).length, fleetSize)
    simulation.faults = { fail: 1000 }
    t.equal((await failure()).code, 'vendor-failure')
  })

  t.test('wrong credentials are tried once, since vendors lock accounts', async (t) => {
    const wrong = {
      password: 'wrong-password-1234',
      clientSecret: 'wrong-secret-1234',
      apiKey: 'wrong-key-1234',
    }
    const { simulation, failure, waits } = await start(t, { devices: 3, env: wrong })
    t.equal((await failure()).code, 'credentials')
    t.equal(simulation.refusedSignIns, 1)
    t.strictSame(waits, [])
  })

  if (can('forbidden')) {
    t.test('an account that may not read devices is told apart from a wrong password', async (t) => {
      const { simulation, failure } = await start(t, { devices: 3 })
      simulation.faults = { forbidden: true }
      t.equal((await failure()).code, 'forbidden')
    })
  }

  t.test('a redirect is refused, and nothing goes there', async (t) => {
    const elsewhere = await startSimulation({ port: 0 }, (exchange) => exchange.json(200, {}))
    t.teardown(() => elsewhere.close())
    const { simulation, failure } = await start(t, { devices: 3 })
    simulation.faults = { redirect: `${elsewhere.url}/devices` }
    t.equal((await failure()).code, 'protocol')
    t.equal(elsewhere.requests.length, 0)
  })

  if (subject.nextLinks === true) {
    t.test('a next page at another host is refused: the request would carry the token there', async (t) => {
      const elsewhere = await startSimulation({ port: 0 }, (exchange) => exchange.json(200, {}))
      t.teardown(() => elsewhere.close())
      const { simulation, failure } = await startFull(t)
      simulation.faults = { nextLink: elsewhere.url }
      t.equal((await failure()).code, 'protocol')
      t.equal(elsewhere.requests.length, 0)
    })
  }

  if (subject.tokens) {
    t.test('a token that ends in the middle of a sweep is renewed', async (t) => {
      const { simulation, connector, signal } = await startFull(t)
      const devices: ManagedDevice[] = []
      for await (const page of connector.sweep(signal)) {
        if (devices.length === 0) simulation.expireTokens()
        devices.push(...page.devices)
      }
      t.equal(devices.length, fleetSize)
      t.equal(simulation.issued.size, 2)
    })

    t.test('a token is renewed before its end, and kept until then', async (t) => {
      const { simulation, all, clock } = await start(t, { devices: 3 })
      await all()
      await all()
      t.equal(simulation.issued.size, 1)
      clock.now += 24 * 60 * 60_000
      await all()
      t.equal(simulation.issued.size, 2)
    })
  }

  t.test('a sweep that is aborted ends at once, also while the vendor thinks', async (t) => {
    const { simulation, abort, all } = await startFull(t)
    simulation.faults = { slow: 600_000 }
    const ended = all().catch((error: unknown) => error)
    await eventually(() => simulation.requests.length > 0)
    abort.abort()
    t.equal(await ended, abort.signal.reason)
  })

  t.test('a sweep that is aborted ends at once, also while it waits to try again', async (t) => {
    const { simulation, all } = await start(t, { devices: 3, onSleep: (abort) => abort.abort() })
    simulation.faults = { fail: 1 }
    await t.rejects(all(), { name: 'AbortError' })
    t.equal(simulation.requests.length, 1)
  })

  t.test('a reader that stops in the middle leaves nothing behind', async (t) => {
    const { connector, signal, all } = await startFull(t)
    for await (const _ of connector.sweep(signal)) break
    t.equal((await all()).length, fleetSize)
  })

  await optionalCalls(t, subject)
}

/** What only some vendors can be asked for. */
async function optionalCalls(t: Test, subject: ConnectorSubject): Promise<void> {
  t.test('one device is looked up by the vendor’s own id, as it is now', async (t) => {
    const { simulation, connector, signal, all } = await connectorUnderTest(t, subject, { devices: 3 })
    if (connector.lookup === undefined) return
    const listed = (await all()).find((device) => addressOf(device) === 'user2@example.com') as ManagedDevice // it is in the fleet
    simulation.fleet.change('1002', { compliance: 'noncompliant', reasons: ['OS_VERSION'] })
    const found = await connector.lookup(listed.vendorDeviceId, signal)
    t.match(found, { vendorDeviceId: listed.vendorDeviceId, compliance: 'noncompliant', ids: listed.ids })
    simulation.fleet.remove('1002')
    t.equal(await connector.lookup(listed.vendorDeviceId, signal), 'gone')
  })

  t.test('a failing vendor does not make a device that is looked up gone', async (t) => {
    const { simulation, connector, signal, all, failure } = await connectorUnderTest(t, subject, {
      devices: 3,
    })
    const { lookup } = connector
    if (lookup === undefined) return
    const [device] = await all()
    simulation.faults = { fail: 1000 }
    const error = await failure(() => lookup.call(connector, device?.vendorDeviceId ?? '', signal))
    t.equal(error.code, 'vendor-failure')
  })

  t.test('an id that no such vendor gives is gone, whatever stands in it', async (t) => {
    const { connector, signal } = await connectorUnderTest(t, subject, { devices: 3 })
    for (const id of ['../admins', 'x" OR "1" = "1', '9?a=b#c', ' ', '💥']) {
      if (connector.lookup) t.equal(await connector.lookup(id, signal), 'gone', id)
    }
  })

  t.test('the devices out of compliance are listed by themselves', async (t) => {
    const { simulation, connector, signal, all } = await connectorUnderTest(t, subject, { devices: 5 })
    if (connector.noncompliant === undefined) return
    simulation.fleet.change('1002', { compliance: 'noncompliant', reasons: ['OS_VERSION'] })
    simulation.fleet.change('1004', { compliance: 'noncompliant', reasons: ['OS_VERSION'] })
    const devices = await all(connector.noncompliant(signal))
    t.strictSame(devices.map(addressOf).sort(), ['user2@example.com', 'user4@example.com'])
    for (const { compliance } of devices) t.equal(compliance, 'noncompliant')
  })

  t.test('what has changed since is listed by itself', async (t) => {
    const { simulation, connector, signal, all, clock } = await connectorUnderTest(t, subject, { devices: 5 })
    if (connector.changes === undefined) return
    const since = clock.now
    clock.now += 60 * 60_000
    simulation.fleet.change('1002', { osVersion: '17.6', lastSeen: clock.now })
    const devices = await all(connector.changes(since, signal))
    t.strictSame(devices.map(addressOf), ['user2@example.com'])
  })
}

/** Some vendors report the address only as the login name. */
function addressOf({ user }: ManagedDevice): string | undefined {
  return user.email ?? user.upn ?? user.name
}

function emailsOf(simulation: VendorSimulation): string[] {
  return simulation.fleet
    .list()
    .map(({ email }) => email)
    .sort()
}

const brokenPages = [
  ['html', 'protocol'],
  ['truncated', 'protocol'],
  ['no-list', 'protocol'],
  ['deep', 'protocol'],
  ['cut', 'unreachable'],
] as const

interface StateCase {
  readonly title: string
  readonly change: Partial<SimulatedDevice>
  readonly expect: (device: ManagedDevice) => boolean
}

function states(can: (what: Cannot) => boolean): readonly StateCase[] {
  const cases: readonly (StateCase & { readonly needs?: Cannot })[] = [
    {
      title: 'a device out of compliance is out of compliance',
      change: { compliance: 'noncompliant', reasons: ['OS_VERSION'] },
      expect: ({ compliance, management }) => compliance === 'noncompliant' && management === 'managed',
    },
    {
      title: 'the vendor’s reason is kept in its own words',
      change: { compliance: 'noncompliant', reasons: ['OS_VERSION'] },
      expect: ({ reasons }) => reasons.some((reason) => reason.includes('OS_VERSION')),
      needs: 'reason',
    },
    {
      title: 'a device whose compliance is not known yet is unknown, not compliant',
      change: { compliance: 'unknown' },
      expect: ({ compliance }) => compliance === 'unknown',
      needs: 'unknown',
    },
    {
      title: 'a jailbroken device is compromised, whatever its compliance',
      change: { compromised: true },
      expect: ({ compromised }) => compromised === true,
      needs: 'compromised',
    },
    {
      title: 'a device that is just enrolling is pending',
      change: { management: 'pending', compliance: 'unknown' },
      expect: ({ management }) => management === 'pending',
      needs: 'pending',
    },
    {
      title: 'a device with a wipe under way is leaving',
      change: { management: 'leaving' },
      expect: ({ management }) => management === 'leaving',
      needs: 'leaving',
    },
    {
      title: 'a wiped device is not managed, even while its record is listed',
      change: { management: 'wiped' },
      expect: ({ management }) => management === 'gone' || management === 'unmanaged',
      needs: 'wiped',
    },
  ]
  return cases.filter(({ needs }) => needs === undefined || can(needs))
}
