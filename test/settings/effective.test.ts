import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { effectiveSettings } from '../../src/settings/effective.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { gateway, loadGood, services, store } from './settings-file.ts'

t.test('the effective settings show every default in the units of the file', async (t) => {
  const shown = parse(effectiveSettings(loadGood(t, [gateway, services, store])))
  t.match(shown, {
    gateway: { listen: ['http://127.0.0.1:8080'], trustedProxies: [], proxyProtocol: false },
    services: [{ name: 'mail', upstream: ['https://exchange.internal'], mode: 'enforce', maxBody: '1GiB' }],
    management: { listen: 'http://127.0.0.1:8444', allowRemote: false },
    limits: { headerTimeout: '10s', responseTimeout: '20m', headerSize: '64KiB', connections: 10_000 },
    log: { level: 'info', queries: false },
  })
  t.match(shown.policy, /^\/.*\/policy\.yaml$/)
  t.match(shown.store, /^sqlite:\/.*\/gatehouse\.db$/)
})

t.test('the effective settings are settings: read again, they are the same', async (t) => {
  const bearer =
    '{ issuer: "https://login.example.com", jwks: "https://login.example.com/keys", audience: [api], device: d, groups: g }'
  const settings = loadGood(
    t,
    [
      'gateway:',
      '  listen: ["https://[::1]:8443", "http://127.0.0.1:8080"]',
      '  tls: { cert: a.crt, key: a.key, passphrase: { env: KEY }, more: [{ cert: b.crt, key: b.key }], clientCa: [ca.crt], crl: [ca.crl] }',
      '  trustedProxies: [10.0.0.5, "fd00::/64"]',
      '  hosts: [register.example.com]',
      'services:',
      '  - name: sso',
      '    hosts: [sso.example.com]',
      '    upstream: ["http://keycloak.internal:8080"]',
      '    client: browser',
      '    signIn: { method: POST, path: "/realms/*/login", user: { json: user.name }, success: { status: [302], notLocation: /error } }',
      `  - { name: api, hosts: ["*.api.example.com"], upstream: ["http://a:1"], client: bearer, bearer: ${bearer} }`,
      '  - name: own',
      '    hosts: [own.example.com]',
      '    upstream: ["https://b"]',
      '    client: generic',
      `    generic: { device: [{ claim: d }, { certificate: email }], user: { basic: true }, signIn: { path: /in }, success: { status: [200] }, bearer: ${bearer} }`,
      '    upstreamTls: { ca: [c.crt], verify: false, serverName: b.example.com }',
      store,
      'management: { listen: "http://10.1.2.3:8444", allowRemote: true }',
      'limits: { headerTimeout: 1500ms, methods: [GET, PROPFIND] }',
    ],
    { env: { KEY: 'secret' } },
  )
  const copy = join(t.testdirName, 'copy.yaml')
  writeFileSync(copy, effectiveSettings(settings))
  chmodSync(copy, 0o644)
  const again = loadSettings(copy, { KEY: 'secret' })
  t.strictSame(again.problems, [])
  t.strictSame({ ...again.settings, file: settings.file }, settings)
})
