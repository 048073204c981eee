import t, { type Test } from 'tap'
import type { Mistake } from '../../src/settings/mistake.ts'
import { VendorBuilder } from '../../src/settings/sections/vendors/common.ts'
import { buildVendor, vendorSchema } from '../../src/settings/sections/vendors/table.ts'

const written = {
  name: 'core',
  type: 'mobileiron-core',
  url: 'https://core.example.com',
  user: 'svc',
  password: { env: 'P' },
}

function messages(change: object): readonly string[] {
  const { error } = vendorSchema.safeParse({ ...written, ...change })
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}

function build(change: object, env: Record<string, string> = { P: 'secret', Q: 'proxy-secret' }) {
  const mistakes: Mistake[] = []
  const files: Record<string, string> = { '/etc/ca.crt': 'PEM' }
  const readers = {
    env,
    resolve: (path: string) => `/etc/${path}`,
    readFile: (path: string) =>
      files[path] === undefined
        ? { text: undefined, mistake: `${path} cannot be read: there is no such file (ENOENT)` }
        : { text: files[path] },
  }
  const builder = new VendorBuilder(readers, ['compliance', 'vendors', 3], mistakes)
  return { connection: buildVendor(vendorSchema.parse({ ...written, ...change }), builder), mistakes }
}

t.test('an address is https, except on this machine', async (t) => {
  const right = [
    'https://core.example.com',
    'https://core.example.com:8443/m/tenant',
    'http://127.0.0.1:9',
    'http://localhost:9',
    'http://[::1]:9',
  ]
  for (const url of right) t.strictSame(messages({ url }), [], url)
  const wrong = [
    'http://core.example.com',
    'http://127.0.0.1.example.com',
    'core.example.com',
    'https://user:pw@core.example.com',
    'https://core.example.com/?a=b',
    'https://core.example.com/#a',
    'ftp://core',
    'https://core\\@evil',
    '',
  ]
  for (const url of wrong) t.match(messages({ url }), [/^url: must be an https/], url)
})

t.test('a connection has a short name', async (t) => {
  for (const name of ['a', 'uem-europe', 'ws1-2']) t.strictSame(messages({ name }), [])
  for (const name of ['', 'Core', '-a', 'a b', 'a'.repeat(64), undefined])
    t.equal(messages({ name }).length, 1)
})

t.test('a type that nobody knows and a key that nobody knows are mistakes', async (t) => {
  t.equal(messages({ type: 'mobileiron' }).length, 1)
  t.match(messages({ pasword: 'x' }), [/pasword/])
})

t.test('a secret does not stand in the file, and no message repeats it', async (t) => {
  const [message] = messages({ password: 'hunter2-in-the-open' })
  t.match(message, /secrets do not stand in this file/)
  t.notMatch(message, 'hunter2')
})

t.test('secrets and CA files are read; what is missing is told with its key', async (t) => {
  const proxy = { url: 'http://proxy.example.com:3128', user: 'gw', password: { env: 'Q' } }
  const { connection, mistakes } = build({ ca: ['ca.crt'], proxy, timeout: '5s' })
  t.strictSame(mistakes, [])
  t.match(connection, { type: 'mobileiron-core', settings: { name: 'core', ca: ['PEM'], timeout: 5000 } })
  t.equal(connection.settings.proxy?.password?.reveal(), 'proxy-secret')
  t.notMatch(JSON.stringify(connection), /secret/)
  t.strictSame(
    build({ ca: ['ca.crt', 'none.crt'], proxy }, {})
      .mistakes.map(({ path }) => path.join('.'))
      .sort(),
    ['compliance.vendors.3.ca.1', 'compliance.vendors.3.password', 'compliance.vendors.3.proxy.password'],
  )
})

t.test('a proxy has no path, and a password only with a user', async (t: Test) => {
  t.match(messages({ proxy: { url: 'proxy.example.com:3128' } }), [/^proxy\.url: must be/])
  t.match(messages({ proxy: { url: 'http://proxy/path' } }), [/^proxy\.url: must be/])
  const { mistakes } = build({ proxy: { url: 'http://proxy:3128', password: { env: 'Q' } } })
  t.match(mistakes, [{ message: '`password` needs `user`' }])
})

t.test('a notification’s secret is long enough not to be guessed, and where it goes is said', async (t) => {
  const jamf = {
    type: 'jamf',
    url: 'https://jamf.example.com',
    user: 'svc',
    noncompliantGroup: '17',
    webhook: { user: 'notify', secret: { env: 'W' } },
  }
  const { connection, mistakes } = build(jamf, { P: 'secret', W: 'x'.repeat(16) })
  t.strictSame(mistakes, [])
  t.match(connection.settings.webhook, { user: 'notify' })
  t.match(build(jamf, { P: 'secret', W: 'x'.repeat(15) }).mistakes, [
    { path: ['compliance', 'vendors', 3, 'webhook', 'secret'], message: /at least 16/ },
  ])
  t.match(messages({ webhook: { secret: { env: 'W' } } }), [/webhook/], 'Core sends none')
})
