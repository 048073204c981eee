import t from 'tap'
import { gateway, load, mistakes, services, store } from './settings-file.ts'

const enrollment = (more: string) =>
  `enrollment: { listen: "https://0.0.0.0:8445", publicUrl: "https://mdm.example.com", organisation: Example, tls: { cert: a, key: b }, ${more} }`
const apns = 'apns: { certificate: { file: push.p12 } }'
const told = (more: string, listener = gateway) =>
  mistakes(t, [listener, services, store, apns, enrollment(more)])

t.test('the CA has a folder beside the record, and certificates that last a year', async (t) => {
  const { settings } = load(t, [gateway, services, store, apns, enrollment('signIn: {}')])
  t.match(settings?.enrollment?.ca, {
    folder: /data\/ca$/,
    validity: 365 * 86_400_000,
    renewBefore: 73 * 86_400_000,
    renewalGrace: 90 * 86_400_000,
  })
  t.match(settings?.enrollment?.scep, { legacy: false, attempts: 20, requests: 600 })
})

t.test('an enterprise CA has a certificate, a key, and a passphrase that can be read', async (t) => {
  const external = 'ca: { external: { cert: ca.crt, key: ca.key, passphrase: { env: CA } } }'
  const lines = [gateway, services, store, apns, enrollment(external)]
  const { settings } = load(t, lines, { env: { CA: 'secret' } })
  t.match(settings?.enrollment?.ca.external, { cert: /\/ca\.crt$/, key: /\/ca\.key$/ })
  t.equal(settings?.enrollment?.ca.external?.passphrase?.reveal(), 'secret')
  t.match(mistakes(t, lines), [/ca\.external\.passphrase: the environment variable CA is not set/])
  t.match(told('ca: { external: { cert: ca.crt } }'), [/key: (?:is missing|must be)/])
})

t.test('lives that would lock devices out are mistakes', async (t) => {
  t.match(told('ca: { validity: 1h }'), [/validity: must be between 1d and 1095d/])
  const renewBefore = [/renewBefore: must be between 1h and half of `validity`/]
  t.match(told('ca: { validity: 10d, renewBefore: 6d }'), renewBefore)
  t.match(told('ca: { renewBefore: 1m }'), renewBefore)
  t.strictSame(told('ca: { validity: 10d, renewBefore: 5d }'), [])
  t.match(told('ca: { crlLife: 1m }'), [/crlLife: must be between 1h and 30d/])
})

t.test('a revocation list at the gateway would shut enrolled devices out', async (t) => {
  const listener =
    'gateway: { listen: ["https://127.0.0.1:8080"], tls: { cert: a, key: b, clientCa: [c], crl: [d] } }'
  t.match(told('signIn: {}', listener), [/gateway\.tls\.crl: cannot be used together with `enrollment`/])
  t.strictSame(told('scep: { proxy: { url: "http://ndes.internal/scep", issuers: [e] } }', listener), [])
})

t.test('a SCEP server behind has issuers that are named, and no other CA beside it', async (t) => {
  t.match(told('scep: { proxy: { url: "http://ndes.internal/scep" } }'), [/scep\.proxy\.issuers/])
  t.match(told('scep: { proxy: { url: "http://ndes.internal/scep", issuers: [] } }'), [
    /scep\.proxy\.issuers/,
  ])
  const both =
    'ca: { external: { cert: a, key: b } }, scep: { proxy: { url: "http://ndes.internal/scep", issuers: [e] } }'
  t.match(told(both), [/scep\.proxy: cannot be used together with `ca\.external`/])
})

t.test('profiles that no device would take are a mistake', async (t) => {
  const rights = (...names: string[]) =>
    `accessRights: [${names.join(', ')}], profiles: { files: [profiles] }`
  t.match(told(rights('inspect-profiles', 'erase')), [/accessRights: lacks install-profiles/])
  t.strictSame(told(rights('inspect-profiles', 'install-profiles')), [])
})
