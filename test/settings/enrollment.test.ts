import t from 'tap'
import { gateway, load, mistakes, services, store } from './settings-file.ts'

const enrollment = (more = '', listen = 'https://0.0.0.0:8445') =>
  `enrollment: { listen: "${listen}", publicUrl: "https://mdm.example.com", organisation: Example, tls: { cert: a, key: b }${more} }`
const apns = 'apns: { certificate: { file: push.p12 } }'
const told = (more: string, listen?: string) =>
  mistakes(t, [gateway, services, store, apns, enrollment(more, listen)])

t.test('an enrollment service needs an address, a public address and a name', async (t) => {
  const { settings } = load(t, [gateway, services, store, apns, enrollment()])
  t.match(settings?.enrollment, {
    publicUrl: 'https://mdm.example.com',
    identifier: 'com.example.mdm',
    signIn: { codes: true, session: 900_000 },
    accessRights: ['inspect-profiles', 'install-profiles', 'lock-and-passcode', 'erase'],
  })
  t.match(mistakes(t, [gateway, services, store, 'enrollment: {}']), [
    /listen: is missing/,
    /publicUrl: is missing/,
    /organisation: is missing/,
  ])
  t.match(mistakes(t, [gateway, services, store, enrollment()]), [/enrollment: needs `apns`/])
  t.equal(load(t, [gateway, services, store]).settings?.enrollment, undefined)
})

t.test('users must have a way to sign in, and one directory', async (t) => {
  t.match(told(', signIn: { codes: false }'), [/codes: nobody could sign in: set `oidc` or `ldap`/])
  const oidc = 'oidc: { issuer: "https://login.example.com", clientId: gatehouse }'
  const ldap =
    'ldap: { servers: ["ldaps://dc"], bindDn: cn=a, bindPassword: { env: LDAP }, searchBase: dc=b }'
  t.match(told(`, signIn: { ${oidc}, ${ldap} }`), [/ldap: stands beside `oidc`/])
  t.match(told(`, signIn: { ${ldap} }`), [/ldap\.bindPassword: the environment variable LDAP is not set/])
})

t.test('access rights that a device would refuse are refused here', async (t) => {
  t.match(told(', accessRights: [install-profiles]'), [/`install-profiles` needs `inspect-profiles`/])
  t.match(told(', accessRights: [erase, erase]'), [/stands there twice/])
  t.match(told(', accessRights: []'), [/at least 1/])
})

t.test('a listener that could not work, or that devices would refuse, is a mistake', async (t) => {
  const bare = 'organisation: Example }'
  const written = (text: string) => mistakes(t, [gateway, services, store, `enrollment: { ${text}`])
  t.match(written(`listen: "https://0.0.0.0:8445", publicUrl: "https://mdm.example.com", ${bare}`), [
    /tls: is missing: `listen` is https/,
  ])
  t.match(written(`listen: "http://127.0.0.1:8445", publicUrl: "http://mdm.example.com", ${bare}`), [
    /publicUrl: must be https/,
  ])
  t.match(told('', 'https://127.0.0.1:8080'), [/enrollment\.listen: cannot listen here/])
  t.match(told('', 'https://127.0.0.1:8444'), [/enrollment\.listen: cannot listen here/])
  t.match(told(', trustedProxies: [0.0.0.0/0]'), [/too wide/])
  t.match(told(', deviceSignature: { check: require }'), [/deviceSignature\.check: needs `ca`/])
})

t.test('a Managed Apple Account holds the user', async (t) => {
  t.match(told(', accountDriven: { managedAppleId: all@example.com }'), [/must hold \{user\} once/])
  t.strictSame(told(', accountDriven: { managedAppleId: "{user}@example.com" }'), [])
})
