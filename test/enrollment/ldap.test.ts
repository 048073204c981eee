import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { issueCertificate } from '../../sim/certificates.ts'
import { type DirectoryOptions, startDirectory } from '../../sim/directory.ts'
import { EnrollmentRefused } from '../../src/enrollment/refusals.ts'
import { Attempts } from '../../src/enrollment/sign-in/attempts.ts'
import { LdapSignIn } from '../../src/enrollment/sign-in/ldap.ts'
import type { LdapSettings } from '../../src/settings/build-enrollment.ts'
import { Secret } from '../../src/settings/secret.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'

const service = { dn: 'cn=gatehouse,dc=example', password: 'look-up', attributes: {} }
function person(uid: string, password: string, more: Readonly<Record<string, readonly string[]>> = {}) {
  return {
    dn: `uid=${uid},ou=people,dc=example`,
    password,
    attributes: { uid: [uid], objectClass: ['person'], ...more },
  }
}
const entries = [
  service,
  person('Alice', 'wonderland', { memberOf: ['cn=Sales\\, North,ou=groups,dc=example', 'phones'] }),
  person('bob', 'builder', { objectClass: ['machine'] }),
  person('twin', 'one'),
  { ...person('twin', 'two'), dn: 'uid=twin,ou=others,dc=example' },
  ...[1, 2, 3, 4].map((one) => ({ ...person('many', 'x'), dn: `uid=many,ou=no${one},dc=example` })),
  { ...person('locked', 'x'), bindResult: 53 },
  { ...person('late', 'x'), bindResult: 19 },
  { ...person('nopassword', 'x'), bindResult: 48 },
  { ...person('denied', 'x'), bindResult: 50 },
  { ...person('removed', 'x'), bindResult: 32 },
  { ...person('moved', 'x'), bindResult: 10 },
  { ...person('busy', 'x'), bindResult: 51 },
]

async function directory(t: Test, options: Partial<DirectoryOptions> = {}) {
  const { ca } = await certificates(t)
  const server = await issueCertificate({
    ...{ commonName: 'directory', issuer: ca, use: 'server', addresses: ['127.0.0.1'] },
    ...{ notBefore: Date.now() - 1000, days: 1 },
  })
  const started = await startDirectory({ cert: server.certificate, key: server.key, entries, ...options })
  t.teardown(() => started.close())
  const file = join(temporaryFolder(t), 'ca.crt')
  writeFileSync(file, ca.certificate)
  const settings: LdapSettings = {
    servers: [started.url],
    ca: [file],
    bindDn: service.dn,
    bindPassword: new Secret('look-up', { env: 'X' }),
    searchBase: 'dc=example',
    userAttribute: 'uid',
    filter: '(objectClass=person)',
    groupsAttribute: 'memberOf',
    timeout: 3000,
  }
  return {
    ...started,
    settings,
    signIn: (changes: Partial<LdapSettings> = {}) => new LdapSignIn({ ...settings, ...changes }),
  }
}

for (const startTls of [false, true]) {
  t.test(`the user’s own password is tried, over TLS (${startTls ? 'StartTLS' : 'ldaps'})`, async (t) => {
    const { signIn, asked } = await directory(t, { startTls })
    t.match(await signIn().check('alice ', 'wonderland'), {
      name: 'Alice',
      groups: ['Sales, North', 'phones'],
    })
    await t.rejects(signIn().check('alice', 'guess'), { code: 'sign-in.wrong-password' })
    await t.rejects(signIn().check('nobody', 'guess'), { code: 'sign-in.wrong-password' })
    await t.rejects(signIn().check('bob', 'builder'), { code: 'sign-in.wrong-password' }, 'not by the filter')
    t.notOk(
      asked.some((line) => line.includes('in the clear')),
      'no password before TLS',
    )
  })
}

t.test('an empty password is refused, although directories take it for a success', async (t) => {
  const { signIn, asked } = await directory(t)
  for (const [name, password] of [
    ['alice', ''],
    ['', 'x'],
    ['  ', 'x'],
    ['a'.repeat(300), 'x'],
  ] as const)
    await t.rejects(signIn().check(name, password), { code: 'sign-in.wrong-password' })
  t.strictSame(asked, [], 'nobody was asked')
})

t.test('what is typed as a name is a name, whatever it looks like', async (t) => {
  const { signIn, asked } = await directory(t)
  for (const name of [
    '*',
    'alice)(uid=*',
    'a*',
    '*)(objectClass=*',
    'alice,ou=people',
    '\\2a',
    'Alice\u0000',
  ])
    await t.rejects(signIn().check(name, 'wonderland'), { code: 'sign-in.wrong-password' }, name)
  t.notOk(
    asked.some((line) => line.startsWith('bind uid=')),
    'no password of anybody was tried',
  )
  t.ok(asked.includes('search (&(objectClass=person)(uid=alice)(uid=*))'), 'as one value')
})

t.test('attempts are counted by whose password is tried, however the name is spelt', async (t) => {
  const { signIn, asked } = await directory(t)
  const counted: string[] = []
  const refuse = async (dn: string) => {
    counted.push(dn)
    if (counted.length > 2) throw new EnrollmentRefused('sign-in.too-many')
  }
  const guess = (name: string) => signIn().check(name, 'guess', refuse)
  await t.rejects(guess('alice'), { code: 'sign-in.wrong-password' })
  await t.rejects(guess('ALICE'), { code: 'sign-in.wrong-password' })
  await t.rejects(guess('aLiCe'), { code: 'sign-in.too-many' })
  await t.rejects(guess('nobody'), { code: 'sign-in.wrong-password' })
  t.strictSame(counted, Array(3).fill('uid=Alice,ou=people,dc=example'))
  t.equal(asked.filter((line) => line.startsWith('bind uid=')).length, 2, 'the third password is not tried')
})

t.test('on the page, too, no password is guessed without end, nor a name that there is not', async (t) => {
  const carol = { uid: ['carol', 'c.weber'], objectClass: ['person'] }
  const { settings } = await directory(t, {
    entries: [service, { dn: 'uid=carol,dc=example', password: 'x', attributes: carol }],
  })
  const { servers, ca, bindDn, searchBase } = settings
  const bindPassword = { file: `${t.testdir({ secret: 'look-up' })}/secret` }
  const ldap = { servers, ca, bindDn, bindPassword, searchBase, userAttribute: 'uid' }
  const { browser } = await enrollmentUnderTest(t, {
    enrollment: `signIn: ${JSON.stringify({ attempts: 1, codes: false, ldap })}`,
  })
  const visitor = browser()
  const page = await visitor.get('/enroll')
  const guess = async (username: string) =>
    (await visitor.submit(page, '/enroll/sign-in', { username, password: 'guess' })).status
  t.strictSame([await guess('carol'), await guess('c.weber')], [403, 429])
  t.strictSame([await guess('nobody'), await guess('Nobody')], [403, 429])
})

t.test('one subscriber of IPv6 has many addresses and no more attempts', async (t) => {
  const hits = new Map<string, number>()
  const hit = async (key: string) => {
    hits.set(key, (hits.get(key) ?? 0) + 1)
    return hits.get(key) ?? 0
  }
  const attempts = new Attempts({ hit }, 1)
  for (let host = 1; host <= 20; host++) await attempts.count(`2001:db8::${host}`)
  await t.rejects(attempts.count('2001:db8::ffff:1'), { code: 'sign-in.too-many' })
  await attempts.count('2001:db8:0:1::1')
  const site = new Attempts({ hit }, 1)
  for (let network = 1; network < 160; network++) await site.count(`2001:db8:5:${network.toString(16)}::1`)
  await t.rejects(
    (async () => {
      for (let network = 1; network < 9; network++) await site.count(`2001:db8:5:a${network}::1`)
    })(),
    { code: 'sign-in.too-many' },
    'a whole site of networks is somebody’s, too',
  )
  await attempts.count('192.0.2.1', 'nobody')
  await t.rejects(
    attempts.count('192.0.2.1', 'NOBODY'),
    { code: 'sign-in.too-many' },
    'a name that there is not',
  )
})

t.test('a name that several entries have signs nobody in', async (t) => {
  const { signIn } = await directory(t)
  await t.rejects(signIn().check('twin', 'one'), { code: 'sign-in.wrong-password' })
  await t.rejects(signIn().check('many', 'x'), { code: 'sign-in.wrong-password' }, 'more than were asked for')
})

t.test('an account that may not sign in is told from a directory that cannot say', async (t) => {
  const { signIn, url } = await directory(t)
  for (const name of ['locked', 'late', 'nopassword', 'denied', 'removed'])
    await t.rejects(signIn().check(name, 'x'), { code: 'sign-in.wrong-password' }, name)
  await t.rejects(signIn().check('moved', 'x'), { code: 'sign-in.unavailable' }, 'referrals are not followed')
  await t.rejects(signIn().check('busy', 'x'), {
    code: 'sign-in.unavailable',
    cause: { message: /no directory server/, errors: [{ message: new RegExp(`^${url}: .*Busy`, 'i') }] },
  })
})

t.test('a server that says nothing, or rubbish, is one that does not answer', async (t) => {
  const { signIn, url } = await directory(t)
  const { ca } = await certificates(t)
  const identity = await issueCertificate({
    ...{ commonName: 'rubbish', issuer: ca, use: 'server', addresses: ['127.0.0.1'] },
    ...{ notBefore: Date.now() - 1000, days: 1 },
  })
  const says: readonly (Buffer | undefined)[] = [
    undefined,
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    Buffer.alloc(100, 0xff),
    Buffer.from('3084ffffffff0201', 'hex'),
    Buffer.from('300502010161ff', 'hex'),
    Buffer.from('300c02010165070a010004000400', 'hex'),
  ]
  for (const rubbish of says)
    for (const scheme of ['ldaps', 'ldap']) {
      const talk = (socket: Socket) => {
        socket.on('error', () => {})
        socket.on('data', () => void (rubbish && socket.write(rubbish)))
      }
      const tls = { cert: identity.certificate, key: identity.key }
      const inTls = scheme === 'ldaps' && rubbish !== undefined
      const server = inTls ? createTlsServer(tls, talk) : createServer(talk)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const bad = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
      const what = `${scheme}: ${rubbish?.toString('hex') ?? 'nothing'}`
      const timeout = 300
      const unavailable = { code: 'sign-in.unavailable' }
      await t.rejects(signIn({ servers: [bad], timeout }).check('alice', 'wonderland'), unavailable, what)
      server.close()
    }
  t.match(await signIn({ servers: [url] }).check('alice', 'wonderland'), { name: 'Alice' })
})

t.test('a server that falls silent in the middle of StartTLS keeps nobody waiting', async (t) => {
  const { signIn, url } = await directory(t)
  const sockets = new Set<Socket>()
  const consent = Buffer.from('300c02010178070a010004000400', 'hex')
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    socket.once('data', () => socket.write(consent))
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const silent = `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`
  const check = signIn({ servers: [silent, url], timeout: 2_000 }).check('alice', 'wonderland')
  t.match(await check, { name: 'Alice' }, 'the next one is asked')
  await eventually(() => sockets.size === 0)
})

t.test('a directory that does not answer, or is not the right one, is no verdict on the user', async (t) => {
  const { signIn, url } = await directory(t)
  const { url: other } = await directory(t)
  const unavailable = { code: 'sign-in.unavailable' }
  await t.rejects(signIn({ servers: ['ldaps://127.0.0.1:9'] }).check('alice', 'wonderland'), unavailable)
  await t.rejects(
    signIn({ ca: [] }).check('alice', 'wonderland'),
    unavailable,
    'a certificate that nobody trusts',
  )
  const wrongSecret = new Secret('wrong', { env: 'X' })
  await t.rejects(signIn({ bindPassword: wrongSecret }).check('alice', 'wonderland'), unavailable)
  t.match(await signIn({ servers: ['ldaps://127.0.0.1:9', other, url] }).check('alice', 'wonderland'), {
    name: 'Alice',
  })
})
