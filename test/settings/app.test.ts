import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { effectiveSettings } from '../../src/settings/effective.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { packageKeyBytes } from '../../src/settings/package-key.ts'

const strong = randomBytes(32).toString('base64')

function load(t: Test, app: string, key = strong) {
  const folder = t.testdir({
    'package.key': `${key}\n`,
    'gatehouse.yaml': `gateway: { listen: ["http://127.0.0.1:0"], hosts: [register.localhost] }
services: [{ name: chat, hosts: [chat.localhost], upstream: ["http://127.0.0.1:1"], client: browser, signIn: none }]
store: sqlite:record.db
app: ${app}
`,
  })
  return loadSettings(join(folder, 'gatehouse.yaml'), {})
}

const least = '{ company: Example Corp, packageKeys: [{ id: "2026-01", secret: { file: package.key } }] }'

t.test('a company and a package key are enough; the rest has defaults', async (t) => {
  const { settings } = load(t, least)
  t.match(settings?.app, {
    company: 'Example Corp',
    packageKeys: [{ id: '2026-01' }],
    minVersion: {},
    window: 60_000,
    clockSkew: 30_000,
    ticketLife: 300_000,
    requireVendor: false,
    attempts: { perAddress: 120, perDevice: 10 },
  })
})

t.test('no key is ever printed', async (t) => {
  const { settings } = load(
    t,
    '{ company: Example Corp, minVersion: { ios: "2.0" }, packageKeys: [{ id: a, secret: { file: package.key }, notBefore: 2026-01-01, notAfter: 2026-02-01T12:00:00Z }] }',
  )
  const text = effectiveSettings(settings!)
  t.notMatch(text, strong)
  t.notMatch(JSON.stringify(settings), strong)
  t.match(text, /notAfter: 2026-02-01T12:00:00Z/)
  t.match(text, /ios: "2.0"/)
})

t.test('a key of less than 256 bits, or one that is plainly not random, is refused', async (t) => {
  const weak = [
    'hunter2',
    randomBytes(31).toString('base64'),
    Buffer.alloc(32, 7).toString('base64'),
    Buffer.from('passwordpasswordpasswordpassword').toString('base64'),
    `${strong}!`,
  ]
  for (const key of weak) {
    const { settings, problems } = load(t, least, key)
    t.equal(settings, undefined)
    t.match(problems, [{ message: /at least 32 random bytes/ }])
    t.notMatch(JSON.stringify(problems), key)
  }
})

t.test('base64 and base64url give the same bytes', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 33 }, (_, i) => 255 - i * 3))
  t.strictSame(packageKeyBytes(bytes.toString('base64')), bytes)
  t.strictSame(packageKeyBytes(bytes.toString('base64url')), bytes)
})

t.test('mistakes are told where they are', async (t) => {
  const key = '{ id: a, secret: { file: package.key } }'
  const cases: [string, RegExp][] = [
    [`{ packageKeys: [${key}] }`, /company/],
    [`{ company: X, packageKeys: [] }`, /packageKeys/],
    [`{ company: X, packageKeys: [${key}, ${key}] }`, /twice/],
    [`{ company: X, packageKeys: [${key}], minVersion: { ios: 2.0 } }`, /must be a version/],
    [`{ company: X, packageKeys: [${key}], minVersion: { symbian: "1" } }`, /symbian/],
    [`{ company: X, packageKeys: [${key}], window: 1h }`, /between 5s and 10m/],
    [
      `{ company: X, packageKeys: [{ id: a, secret: { file: package.key }, notAfter: soon }] }`,
      /must be a date/,
    ],
    [`{ company: X, packageKeys: [{ id: a, secret: ${strong} }] }`, /secrets do not stand in this file/],
  ]
  for (const [app, expected] of cases) {
    const { settings, problems } = load(t, app)
    t.equal(settings, undefined, app)
    t.match(problems.map((problem) => JSON.stringify(problem)).join(), expected)
  }
})
