import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { type AcmeSimulationOptions, startAcme } from '../../../sim/vendors/acme.ts'
import type { VendorSimulation } from '../../../sim/vendors/vendor-simulation.ts'
import { vendorSchema } from '../../../src/settings/sections/vendors/table.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

/** The example of docs/vendors.md, as an administrator finds it. */
function documented(): Record<string, unknown> {
  const page = readFileSync(new URL('../../../docs/vendors.md', import.meta.url), 'utf8')
  const block = /```yaml\n# gatehouse\.yaml\n(# Acme MDM[\s\S]*?)```/.exec(page)?.[1]
  const [connection] = (parse(block ?? '') as { compliance: { vendors: Record<string, unknown>[] } })
    .compliance.vendors
  if (connection === undefined) throw new Error('docs/vendors.md has no example of the generic connector')
  return connection
}

const example = documented()

/** Served by the simulation instead of mdm.acme.example, in small pages. */
function served({ url }: VendorSimulation): Record<string, unknown> {
  const text = JSON.stringify(example).replaceAll('https://mdm.acme.example', url)
  const { name, ...connection } = JSON.parse(text) as Record<string, unknown>
  return { ...connection, auth: { bearer: { env: 'apiKey' } } }
}

const subject: ConnectorSubject = {
  start: startAcme,
  settings: served,
  pageSize: 4,
  unheardOf: { state: 'quite fine' },
  longMember: 'why',
  withoutId: { ref: '' },
  tokens: false,
}

function paged(paging: unknown, more: Partial<ConnectorSubject> = {}): ConnectorSubject {
  return { ...subject, settings: (simulation) => ({ ...served(simulation), paging }), ...more }
}

const limited = { sizeParameter: 'limit', size: 4 }
const next = paged({ nextLink: '/links/next' }, { nextLinks: true })

t.test('the example of the documents, by next-links', (t) => connectorContract(t, next))
t.test('numbered pages', (t) =>
  connectorContract(t, paged({ page: { parameter: 'page', first: 1, ...limited } })),
)
t.test('numbered devices', (t) =>
  connectorContract(t, paged({ offset: { parameter: 'offset', ...limited } })),
)
t.test('cursors', (t) => connectorContract(t, paged({ cursor: { pointer: '/cursor', parameter: 'cursor' } })))

const client = { tokenUrl: '', clientId: 'gatehouse-client', clientSecret: { env: 'clientSecret' } }

for (const send of ['basic', 'form']) {
  t.test(`OAuth2, the secret sent as ${send}`, (t) =>
    connectorContract(t, {
      ...next,
      tokens: true,
      settings: (simulation) => ({
        ...next.settings(simulation),
        auth: { oauth2: { ...client, tokenUrl: `${simulation.url}/oauth2/token`, send } },
      }),
    }),
  )
}

function started(t: Test, change: object = {}, options: Partial<AcmeSimulationOptions> = {}) {
  const start: ConnectorSubject['start'] = (each) => startAcme({ ...each, ...options })
  return connectorUnderTest(t, { ...next, start }, { devices: 10, settings: change })
}

t.test('each way to sign in is the one that was set', async (t) => {
  const ways = [
    { basic: { user: 'svc-gatehouse', password: { env: 'password' } } },
    { header: { name: 'X-Api-Key', value: { env: 'apiKey' } } },
    { bearer: { env: 'apiKey' } },
  ]
  for (const auth of ways) {
    const { all } = await started(t, { auth })
    t.equal((await all()).length, 10, JSON.stringify(auth))
  }
  const { all, simulation } = await started(t, { auth: 'none' }, { open: true })
  t.equal((await all()).length, 10)
  t.equal(simulation.requests[0]?.headers.authorization, undefined)
})

t.test('without paging, one answer is the whole list', async (t) => {
  const { all, simulation } = await started(t, { paging: 'none', query: { limit: '100' } })
  t.equal((await all()).length, 10)
  t.equal(simulation.calls, 1)
})

t.test('without paging, an answer far below the total is no whole list', async (t) => {
  const { failure } = await started(t, { paging: 'none' })
  t.equal((await failure()).code, 'incomplete')
})

t.test('a list at the top of the answer is named by the empty pointer', async (t) => {
  const { failure } = await started(t, { list: '' })
  t.equal((await failure()).code, 'protocol')
})

t.test('what is not mapped is unknown', async (t) => {
  const { all } = await started(t, { fields: { id: '/ref' }, values: {} })
  const [device] = await all()
  t.match(device, {
    vendorDeviceId: 'acme/1001',
    management: 'unknown',
    compliance: 'unknown',
    ids: {},
    user: {},
  })
  t.equal(device?.platform, undefined)
})

t.test('what the settings assume holds where no field says it; compliance is never assumed', async (t) => {
  const { all } = await started(t, {
    fields: { id: '/ref' },
    values: {},
    assume: { management: 'managed', platform: 'ios' },
  })
  t.match((await all())[0], { management: 'managed', platform: 'ios', compliance: 'unknown' })
})

t.test('of several pointers the first that holds something counts', async (t) => {
  const { all } = await started(t, {
    fields: { id: ['/nothing', '/ref'], email: ['/owner/addresses/7', '/owner/addresses/0'] },
    values: {},
  })
  t.match((await all())[0], { vendorDeviceId: 'acme/1001', user: { email: 'user1@example.com' } })
})

t.test('true, false and numbers are words as well', async (t) => {
  const values = { compliance: { compliant: [true, 1], noncompliant: [false, 0] } }
  const { all, simulation } = await started(t, { fields: { id: '/ref', compliance: '/fine' }, values })
  const fine = { 1001: true, 1002: false, 1003: 1, 1004: 0, 1005: 'true', 1006: null }
  for (const [id, value] of Object.entries(fine)) simulation.fleet.change(id, { raw: { fine: value } })
  const compliance = (await all()).slice(0, 6).map((device) => device.compliance)
  t.strictSame(compliance, ['compliant', 'noncompliant', 'compliant', 'noncompliant', 'compliant', 'unknown'])
})

t.test('a filter that the server ignores does not make devices noncompliant', async (t) => {
  const { connector, all, signal, simulation } = await started(t, { noncompliantQuery: { nothing: 'x' } })
  simulation.fleet.change('1003', { compliance: 'noncompliant' })
  t.strictSame(
    (await all(connector.noncompliant?.(signal))).map(({ vendorDeviceId }) => vendorDeviceId),
    ['acme/1003'],
  )
})

t.test('what the vendor cannot be asked for is absent', async (t) => {
  const { noncompliantQuery, device, ...less } = example
  const connection = { ...less, auth: 'none' }
  const { simulation } = await started(t)
  const settings = connectionOf({ ...connection, name: 'a', url: simulation.url }, {})
  t.notOk('device' in settings.settings)
})

const mistakes: readonly (readonly [string, object, RegExp])[] = [
  ['a pointer without its slash', { list: 'data/items' }, /JSON pointer/],
  [
    'two ways to page',
    { paging: { nextLink: '/a', cursor: { pointer: '/b', parameter: 'c' } } },
    /exactly one of/,
  ],
  ['no way to page', { paging: {} }, /exactly one of/],
  [
    'two ways to sign in',
    { auth: { bearer: { env: 'a' }, header: { name: 'x', value: { env: 'a' } } } },
    /exactly one of/,
  ],
  [
    'a secret in the file',
    { auth: { bearer: 'hunter2' } },
    /must be none, or exactly one of|secrets do not stand/,
  ],
  ['a field that there is not', { fields: { id: '/ref', colour: '/c' } }, /colour/],
  ['no id', { fields: { serial: '/sn' } }, /id/],
  ['a state that there is not', { values: { compliance: { fine: ['ok'] } } }, /fine|compliance/],
  [
    'one word with two meanings',
    { values: { compliance: { compliant: ['ok'], noncompliant: ['OK'] } } },
    /two meanings/,
  ],
  ['a device’s address without {id}', { device: { url: 'https://mdm.acme.example/devices' } }, /\{id\}/],
  [
    'a device’s address elsewhere',
    { device: { url: 'https://evil.example/devices/{id}' } },
    /credentials go there/,
  ],
  ['compliance without words', { values: {} }, /words/],
  ['an address without TLS', { url: 'http://mdm.acme.example/devices' }, /https/],
]

for (const [title, change, message] of mistakes) {
  t.test(`the settings refuse ${title}`, async (t) => {
    const written = { ...example, name: 'acme', ...change }
    t.throws(() => connectionOf(written, { ACME_TOKEN: 'x', a: 'x' }), message)
    t.notMatch(JSON.stringify(vendorSchema.safeParse(written).error ?? ''), /hunter2/)
  })
}

t.test('the example can be written back as it stands', async (t) => {
  const parsed = vendorSchema.parse(example)
  t.match(vendorSchema.encode(parsed), example)
})
