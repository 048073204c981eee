import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmodSync, cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { boundSecret } from '../../src/enrollment/ca/bound-secret.ts'
import {
  addOwn,
  CertificateService,
  type CertificateServiceOptions,
} from '../../src/enrollment/ca/certificate-service.ts'
import { certificateOf } from '../../src/enrollment/ca/issue.ts'
import { KeyFileError, writeKey } from '../../src/enrollment/ca/key-files.ts'
import { keepProfileSigner, openProfileSigner } from '../../src/enrollment/ca/profile-signer.ts'
import { followEnrollmentFiles } from '../../src/roles/enrollment-files.ts'
import type { CaSettings } from '../../src/settings/build-ca.ts'
import { Secret } from '../../src/settings/secret.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { Health } from '../../src/telemetry/health.ts'
import { eventually } from '../helpers/eventually.ts'
import { openssl, selfSigned } from '../helpers/openssl.ts'

const day = 24 * 60 * 60 * 1000

async function setUp(t: Test, changes: Partial<CaSettings> = {}) {
  const tool = openssl(t)
  const clock = { now: Date.now() }
  const now = () => clock.now
  const store = await openSqliteStore(join(tool.folder, 'record.db'), { now })
  t.teardown(() => store.close())
  const settings: CaSettings = {
    folder: join(tool.folder, 'ca'),
    validity: 365 * day,
    renewBefore: 73 * day,
    renewalGrace: 90 * day,
    crlLife: day,
    ...changes,
  }
  let ids = 0
  const options: CertificateServiceOptions = {
    store,
    settings,
    organisation: 'Example Corp',
    publicUrl: 'https://mdm.example.com',
    now,
    newId: () => `test${++ids}`,
  }
  return { tool, store, clock, settings, options }
}

function deviceKey() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { privateKey, publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }) }
}

async function issued(service: CertificateService, enrollment = 'UDID-1') {
  const outcome = await service.issue({
    publicKeyInfo: deviceKey().publicKeyInfo,
    purpose: 'device',
    enrollment,
    user: 'ann',
  })
  if (outcome.outcome !== 'issued') throw new Error(outcome.outcome)
  return outcome.certificate
}

t.test('the first start makes a CA whose certificates OpenSSL verifies for TLS clients', async (t) => {
  const { tool, options } = await setUp(t)
  const service = await CertificateService.open(options)
  tool.file('ca.crt', service.issuing.certificate.toString())
  tool.file('device.crt', certificateOf(await issued(service)).toString())
  t.match(
    tool.run('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.crt', 'device.crt').toString(),
    'OK',
  )
  t.throws(() => tool.run('verify', '-purpose', 'sslserver', '-CAfile', 'ca.crt', 'device.crt'))
  const text = tool.run('x509', '-in', 'device.crt', '-noout', '-text').toString()
  t.match(text, /Subject: O = Example Corp, CN = UDID-1/)
  t.match(text, /CA:FALSE/)
  t.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/)
  t.match(text, 'https://mdm.example.com/crl/ca_test1.crl')
  const root = tool.run('x509', '-in', 'ca.crt', '-noout', '-text').toString()
  t.match(root, /Key Usage: critical\s+Digital Signature, Key Encipherment, Certificate Sign, CRL Sign\n/)
  t.match(root, /RSA Public-Key: \(3072 bit\)|Public-Key: \(3072 bit\)/)
})

t.test('the key is in a file that its owner alone reads, and not in the record', async (t) => {
  const { tool, settings, options } = await setUp(t, {
    passphrase: new Secret('a long passphrase', { env: 'CA' }),
  })
  const service = await CertificateService.open(options)
  const path = join(settings.folder, `${service.issuing.id}.key`)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(settings.folder).mode & 0o777, 0o700)
  t.match(readFileSync(path, 'utf8'), 'ENCRYPTED')
  const record = readdirSync(tool.folder).filter((name) => name.startsWith('record.db'))
  for (const name of record) t.notMatch(readFileSync(join(tool.folder, name), 'latin1'), 'PRIVATE KEY')
  const wrong = { ...options, settings: { ...settings, passphrase: new Secret('another', { env: 'CA' }) } }
  await t.rejects(CertificateService.open(wrong), KeyFileError)
  t.match(tool.run('asn1parse', '-in', path).toString(), 'aes-256-cbc')
  for (const mode of [0o644, 0o640]) {
    chmodSync(path, mode)
    await t.rejects(CertificateService.open(options), /others may read it/)
  }
  const written = readFileSync(path)
  await t.rejects(writeKey(settings, service.issuing.id, deviceKey().privateKey), { code: 'EEXIST' })
  t.strictSame(readFileSync(path), written, 'no key takes the place of another')
})

t.test('whoever starts again, or beside it, has the same CA', async (t) => {
  const { options, store } = await setUp(t)
  const [one, two] = await Promise.all([CertificateService.open(options), CertificateService.open(options)])
  const three = await CertificateService.open(options)
  t.equal(one.issuing.id, two.issuing.id)
  t.equal(one.issuing.id, three.issuing.id)
  t.equal((await store.authorities.list()).length, 1)
})

t.test('a revoked certificate is in the next list, with its reason; lists are numbered', async (t) => {
  const { tool, options, store, clock } = await setUp(t)
  const service = await CertificateService.open(options)
  const certificate = await issued(service)
  const { id } = service.issuing
  tool.file('ca.crt', service.issuing.certificate.toString())
  tool.file('device.crt', certificateOf(certificate).toString())
  const list = async () => (await service.revocationList(id))!.der
  tool.file('list', await list())
  tool.run('crl', '-inform', 'DER', '-in', 'list', '-out', 'list.pem')
  const verify = () =>
    tool.run('verify', '-crl_check', '-CRLfile', 'list.pem', '-CAfile', 'ca.crt', 'device.crt').toString()
  t.match(verify(), 'OK')
  t.equal(await list(), await list(), 'made once')
  await store.certificates.revoke(certificate.serial, 'keyCompromise', {
    name: 'root',
    why: 'lost',
    at: clock.now,
  })
  await service.refresh()
  tool.file('list', await list())
  tool.run('crl', '-inform', 'DER', '-in', 'list', '-out', 'list.pem', '-CAfile', 'ca.crt')
  t.throws(verify, /certificate revoked/)
  const text = tool.run('crl', '-in', 'list.pem', '-noout', '-text').toString()
  t.match(text, certificate.serial)
  t.match(text, 'Key Compromise')
  t.match(text, /CRL Number:\s+2\n/)
  const before = await list()
  clock.now += day / 2
  t.not(await list(), before, 'renewed at half of its life')
  t.equal(await service.revocationList('ca_other'), undefined)
})

t.test(
  'a list says of its own CA’s certificates alone when they were revoked, until they have ended',
  async (t) => {
    const { tool, options, store, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const [lost, left] = [await issued(service), await issued(service, 'UDID-2')]
    const { id } = service.issuing
    const by = { name: 'root', why: 'x', at: clock.now }
    await addOwn(options, { bits: 2048, replaces: id, by })
    await service.refresh()
    const foreign = await issued(service, 'UDID-3')
    await store.certificates.revoke(lost.serial, 'keyCompromise', { ...by, at: clock.now - day })
    for (const { serial } of [left, foreign]) await store.certificates.revoke(serial, 'unspecified', by)
    const text = async () => {
      await service.refresh()
      tool.file('list', (await service.revocationList(id))!.der)
      return tool.run('crl', '-inform', 'DER', '-in', 'list', '-noout', '-text').toString()
    }
    // As OpenSSL writes times: `Nov  2 09:30:00 2026 GMT`.
    const time = (at: number) => {
      const [, date = '', month, year, clock] = new Date(at).toUTCString().split(' ')
      return `${month} ${String(Number(date)).padStart(2)} ${clock} ${year} GMT`
    }
    const list = await text()
    const entry = (serial: string) => list.split('Serial Number: ').find((one) => one.startsWith(serial))
    t.match(entry(lost.serial), `Revocation Date: ${time(clock.now - day)}`)
    t.match(entry(left.serial), `Revocation Date: ${time(clock.now)}`)
    t.notMatch(entry(left.serial), 'Reason', 'that none was given is said by saying nothing')
    t.notMatch(list, foreign.serial)
    t.match(list, `Next Update: ${time(clock.now + day)}`)
    t.match(list, 'X509v3 Authority Key Identifier')
    clock.now += 366 * day
    t.match(await text(), 'No Revoked Certificates')
  },
)

t.test(
  'what seals sign-ins is of the record and of the CA’s key, and stays when the CA is replaced',
  async (t) => {
    const { options, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const before = boundSecret('c2VjcmV0', service.authorities)
    t.equal(Buffer.from(before, 'base64url').length, 32)
    await issued(service)
    const by = { name: 'root', why: 'yearly', at: clock.now }
    await addOwn(options, { bits: 2048, replaces: service.issuing.id, by })
    await service.refresh()
    t.equal(boundSecret('c2VjcmV0', service.authorities), before)
    t.not(boundSecret('b3RoZXIg', service.authorities), before, 'another record')
    t.not(boundSecret('c2VjcmV0', [service.issuing]), before, 'a record that was copied, with another key')
    t.throws(() => boundSecret('c2VjcmV0', []), /no certificate authority/)
  },
)

t.test(
  'after a rotation the new CA issues and the old one is trusted until its certificates have ended',
  async (t) => {
    const { options, store, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const old = await issued(service)
    const by = { name: 'root', why: 'yearly', at: clock.now }
    const added = await addOwn(options, { bits: 2048, replaces: service.issuing.id, by })
    t.ok(added)
    t.equal(await addOwn(options, { bits: 2048, replaces: old.authority, by }), undefined, 'only once')
    await service.refresh()
    t.equal(service.issuing.id, added?.id)
    t.match(await service.recordOf(certificateOf(old)), { serial: old.serial })
    t.equal((await issued(service)).authority, added?.id)
    t.ok(await service.revocationList(old.authority), 'its list is still signed')
    clock.now += (366 + 90) * day
    await service.refresh()
    t.equal(await service.recordOf(certificateOf(old)), undefined)
    t.strictSame(
      (await store.authorities.trusted(clock.now)).map(({ id }) => id),
      [added?.id],
    )
  },
)

t.test('an enterprise CA issues instead, with its chain', async (t) => {
  const tool = openssl(t)
  selfSigned(tool, 'root')
  tool.file(
    'ext',
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature,keyEncipherment\nsubjectKeyIdentifier=hash\n',
  )
  tool.run(
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'sub.key',
    '-out',
    'sub.csr',
    '-subj',
    '/CN=Issuing',
  )
  tool.run(
    'x509',
    '-req',
    '-in',
    'sub.csr',
    '-CA',
    'root.crt',
    '-CAkey',
    'root.key',
    '-CAcreateserial',
    '-out',
    'sub.crt',
    '-extfile',
    'ext',
  )
  const path = (name: string) => join(tool.folder, name)
  writeFileSync(
    path('chain.crt'),
    readFileSync(path('sub.crt'), 'utf8') + readFileSync(path('root.crt'), 'utf8'),
  )
  chmodSync(path('sub.key'), 0o600)
  const external = { cert: path('chain.crt'), key: path('sub.key') }
  const { options, store } = await setUp(t, { external })
  const service = await CertificateService.open(options)
  t.equal(service.issuing.certificate.subject, 'CN=Issuing')
  t.equal(service.issuing.chain.length, 1)
  tool.file('device.crt', certificateOf(await issued(service)).toString())
  t.match(tool.run('verify', '-CAfile', 'root.crt', '-untrusted', 'sub.crt', 'device.crt').toString(), 'OK')
  await CertificateService.open(options)
  t.equal((await store.authorities.list()).length, 1, 'taken over once')
  selfSigned(tool, 'other')
  chmodSync(path('other.key'), 0o600)
  const foreign = {
    ...options,
    settings: { ...options.settings, external: { ...external, key: path('other.key') } },
  }
  await t.rejects(CertificateService.open(foreign), /is not the key of/)
})

t.test('a certificate that the CA has not issued is not ours, whatever it calls itself', async (t) => {
  const { tool, options } = await setUp(t)
  const service = await CertificateService.open(options)
  t.ok(await service.recordOf(certificateOf(await issued(service))))
  tool.run(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'f.key',
    '-out',
    'f.crt',
    '-subj',
    '/O=Example Corp/CN=UDID-1',
    '-days',
    '2',
  )
  t.equal(await service.recordOf(new X509Certificate(readFileSync(join(tool.folder, 'f.crt')))), undefined)
})

t.test(
  'profiles are signed with a certificate of the CA, the same after a restart, renewed before it ends',
  async (t) => {
    const { options, store, settings, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const open = () =>
      openProfileSigner({ settings, service, certificates: store.certificates, now: options.now })
    const first = await open()
    t.ok(first.certificate.checkPrivateKey(first.key))
    t.ok(first.certificate.verify(createPublicKey(service.issuing.key)))
    t.strictSame(first.chain, [], 'no root')
    t.equal((await open()).certificate.fingerprint256, first.certificate.fingerprint256)
    clock.now += 310 * day
    const second = await open()
    t.not(second.certificate.fingerprint256, first.certificate.fingerprint256)
    t.ok(second.certificate.checkPrivateKey(first.key), 'the key stays')
  },
)

t.test(
  'profiles are signed by a certificate that holds, of the CA that issues, and good for that alone',
  async (t) => {
    const { tool, options, store, settings, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const open = () =>
      openProfileSigner({ settings, service, certificates: store.certificates, now: options.now })
    const { certificate: first } = await open()
    tool.file('signer.crt', first.toString())
    const text = tool.run('x509', '-in', 'signer.crt', '-noout', '-text').toString()
    t.match(text, /Key Usage: critical\s+Digital Signature\n/)
    t.notMatch(text, 'TLS Web Client Authentication', 'the key of a server opens no gateway')
    const by = { name: 'root', why: 'its key was read', at: clock.now }
    await store.certificates.revoke(first.serialNumber, 'keyCompromise', by)
    const { certificate: second } = await open()
    t.not(second.serialNumber, first.serialNumber)
    await addOwn(options, { bits: 2048, replaces: service.issuing.id, by })
    await service.refresh()
    t.notOk(second.verify(createPublicKey(service.issuing.key)))
    t.ok((await open()).certificate.verify(createPublicKey(service.issuing.key)))
  },
)

/** An enterprise CA that OpenSSL makes, put where the settings name it. */
function enterprise(tool: ReturnType<typeof openssl>, name: string) {
  tool.run(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '9', '-subj', `/CN=${name}`],
    ...['-keyout', `${name}.key`, '-out', `${name}.crt`],
  )
  const put = (kind: 'crt' | 'key') => {
    writeFileSync(join(tool.folder, `issuing.${kind}`), readFileSync(join(tool.folder, `${name}.${kind}`)))
    chmodSync(join(tool.folder, `issuing.${kind}`), 0o600)
  }
  return put
}

t.test('files that are no enterprise CA are refused with what is wrong, and nothing is issued', async (t) => {
  const tool = openssl(t)
  enterprise(tool, 'right')
  const ca = ['req', '-x509', '-nodes', '-subj', '/CN=wrong', '-days', '9']
  const make = (name: string, ...more: string[]) =>
    tool.run(...ca, ...more, '-keyout', `${name}.key`, '-out', `${name}.crt`)
  make('device', '-newkey', 'rsa:2048', '-addext', 'basicConstraints=critical,CA:FALSE')
  make('mute', '-newkey', 'rsa:2048', '-addext', 'keyUsage=critical,digitalSignature')
  make('short', '-newkey', 'rsa:1024')
  make('curve', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
  tool.run('pkey', '-in', 'right.key', '-aes256', '-passout', 'pass:secret', '-out', 'sealed.key')
  tool.file('open.key', readFileSync(join(tool.folder, 'right.key')))
  tool.file('empty.crt', '')
  const wrong = [
    ['device', 'device', /device\.crt: is not the certificate of a CA/],
    ['mute', 'mute', /mute\.crt: is not the certificate of a CA/],
    ['short', 'short', /short\.key: must be RSA of 2048 bits or more/],
    ['curve', 'curve', /curve\.key: must be RSA of 2048 bits or more/],
    ['right', 'short', /short\.key: is not the key of .*right\.crt/],
    ['right', 'sealed', /sealed\.key: is no private key, or needs a passphrase/],
    ['right', 'open', /open\.key: others may read it \(mode 644\); make it 600/],
    ['right', 'absent', /absent\.key: cannot be read \(ENOENT\)/],
    ['empty', 'right', /empty\.crt: holds no certificate/],
  ] as const
  for (const file of readdirSync(tool.folder)) chmodSync(join(tool.folder, file), 0o600)
  chmodSync(join(tool.folder, 'open.key'), 0o644)
  const external = (cert: string, key: string) => ({
    cert: join(tool.folder, `${cert}.crt`),
    key: join(tool.folder, `${key}.key`),
  })
  const { options, settings, store, clock } = await setUp(t, { external: external('right', 'right') })
  for (const [cert, key, problem] of wrong)
    await t.rejects(
      CertificateService.open({ ...options, settings: { ...settings, external: external(cert, key) } }),
      problem,
    )
  clock.now += 10 * day
  await t.rejects(CertificateService.open(options), /right\.crt: has ended/)
  t.strictSame(await store.authorities.list(), [])
  clock.now -= 5 * day
  const service = await CertificateService.open(options)
  const { notAfter } = await issued(service)
  t.equal(notAfter, service.issuing.certificate.validToDate.getTime(), 'no certificate outlives its CA')
  clock.now += 5 * day
  t.ok(await CertificateService.open(options), 'one that has ended meanwhile is no reason not to start')
})

t.test('new files of an enterprise CA count without a restart; half of them change nothing', async (t) => {
  const tool = openssl(t)
  const [first, second] = [enterprise(tool, 'First'), enterprise(tool, 'Second')]
  first('crt')
  first('key')
  const external = { cert: join(tool.folder, 'issuing.crt'), key: join(tool.folder, 'issuing.key') }
  const { options, settings, store, clock } = await setUp(t, { external })
  const service = await CertificateService.open(options)
  const health = new Health(() => {})
  const condition = () => health.report().parts['certificate authority']
  const files = followEnrollmentFiles({
    settings: { ca: settings },
    service,
    renewListener() {},
    health,
    logger: { info() {}, error() {} },
    every: 10,
  })
  t.teardown(() => files.close())
  const old = await issued(service)
  t.equal(await service.reload(), false, 'nothing is new')
  second('crt')
  await eventually(() => condition()?.ok === false)
  t.match(condition()?.detail, /issuing\.key: is not the key of .*; what was read before stays/)
  t.equal(service.issuing.certificate.subject, 'CN=First')
  t.equal((await issued(service, 'UDID-2')).authority, old.authority)
  second('key')
  await eventually(() => condition()?.ok === true)
  t.equal(service.issuing.certificate.subject, 'CN=Second')
  t.not((await issued(service, 'UDID-3')).authority, old.authority)
  t.match(
    await service.recordOf(certificateOf(old)),
    { serial: old.serial },
    'what the former has issued holds',
  )
  await store.certificates.revoke(old.serial, 'keyCompromise', { name: 'root', why: 'x', at: clock.now })
  await service.refresh()
  t.ok(await service.revocationList(old.authority), 'and its list is still signed')
  t.equal((await store.authorities.list()).length, 2)
})

t.test(
  'a machine with the former files of an enterprise CA does not put it back, and issues nothing',
  async (t) => {
    const tool = openssl(t)
    const [first, second] = [enterprise(tool, 'First'), enterprise(tool, 'Second')]
    const paths = (name: string) => ({
      cert: join(tool.folder, `${name}.crt`),
      key: join(tool.folder, `${name}.key`),
    })
    const [external, elsewhere] = [paths('issuing'), paths('elsewhere')]
    const copy = () => {
      cpSync(external.cert, elsewhere.cert)
      cpSync(external.key, elsewhere.key)
    }
    first('crt')
    first('key')
    copy()
    const { options, settings, store } = await setUp(t, { external })
    const others = { ...options, settings: { ...settings, external: elsewhere } }
    const service = await CertificateService.open(options)
    const [other, deaf] = [await CertificateService.open(others), await CertificateService.open(others)]
    second('crt')
    second('key')
    t.equal(await service.reload(), true)
    await t.rejects(other.refresh(), KeyFileError)
    for (const machine of [other, deaf]) {
      await t.rejects(machine.reload(), /elsewhere\.crt: is that of ca_test1, which was replaced/)
      await t.rejects(issued(machine), /was replaced/)
    }
    await t.rejects(CertificateService.open(others), /was replaced/, 'nor does a restart')
    t.equal((await store.authorities.list()).length, 2)
    t.equal((await store.authorities.list())[0]?.id, service.issuing.id)
    copy()
    t.equal(await other.reload(), true)
    t.equal((await issued(other)).authority, service.issuing.id)
  },
)

t.test('a machine without the key of the CA that issues now issues nothing, until it is there', async (t) => {
  const { tool, options, settings, clock } = await setUp(t, {
    passphrase: new Secret('a long passphrase', { env: 'CA' }),
  })
  const service = await CertificateService.open(options)
  const elsewhere = { ...settings, folder: join(tool.folder, 'elsewhere') }
  cpSync(settings.folder, elsewhere.folder, { recursive: true })
  const other = await CertificateService.open({ ...options, settings: elsewhere })
  const by = { name: 'root', why: 'the key was copied', at: clock.now }
  const added = await addOwn(options, { bits: 2048, replaces: service.issuing.id, by })
  const key = `${added?.id}.key`
  t.match(readFileSync(join(settings.folder, key), 'utf8'), 'ENCRYPTED')
  t.equal(statSync(join(settings.folder, key)).mode & 0o777, 0o600)
  await t.rejects(other.refresh(), KeyFileError)
  await t.rejects(issued(other), /cannot be read \(ENOENT\)/)
  await t.rejects(other.reload(), KeyFileError)
  t.ok(await other.revocationList(service.issuing.id), 'what it has, it still signs')
  cpSync(join(settings.folder, key), join(elsewhere.folder, key))
  t.equal(await other.reload(), true)
  t.equal((await issued(other)).authority, added?.id)
})

t.test(
  'a rotation that ends before it is in the record has changed nothing, and is made again',
  async (t) => {
    const { options, settings, store, clock } = await setUp(t)
    const service = await CertificateService.open(options)
    const by = { name: 'root', why: 'yearly', at: clock.now }
    const killed = {
      ...options,
      store: {
        ...store,
        authorities: { ...store.authorities, add: () => Promise.reject(new Error('killed')) },
      },
    }
    await t.rejects(addOwn(killed, { bits: 2048, replaces: service.issuing.id, by }), /killed/)
    t.equal(readdirSync(settings.folder).length, 2, 'a key that nobody uses')
    const again = await CertificateService.open(options)
    t.equal(again.issuing.id, service.issuing.id)
    t.ok(await issued(again))
    t.ok(await addOwn(options, { bits: 2048, replaces: service.issuing.id, by }))
  },
)

t.test(
  'files of the profile signer are read for each profile; while they are unusable, those before stay',
  async (t) => {
    const tool = openssl(t)
    const [first, second] = [enterprise(tool, 'First'), enterprise(tool, 'Second')]
    first('crt')
    first('key')
    const profileSigner = { cert: join(tool.folder, 'issuing.crt'), key: join(tool.folder, 'issuing.key') }
    const { options, store, settings } = await setUp(t, { profileSigner })
    const service = await CertificateService.open(options)
    const conditions: (string | undefined)[] = []
    const signer = keepProfileSigner(
      () => openProfileSigner({ settings, service, certificates: store.certificates, now: options.now }),
      (error) => conditions.push(error?.message),
    )
    t.equal((await signer()).certificate.subject, 'CN=First')
    second('crt')
    t.equal((await signer()).certificate.subject, 'CN=First')
    second('key')
    t.equal((await signer()).certificate.subject, 'CN=Second')
    t.match(conditions, [undefined, /is not the key of/, undefined])
  },
)
