import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import {
  loadTlsMaterial,
  type TlsFiles,
  type TlsMaterial,
  watchTlsMaterial,
} from '../../src/gateway/listener/tls-material.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { collect, listenerUnderTest, oneAnswer, rawExchange, statusOf } from './support.ts'

type Tap = typeof t
const day = 24 * 60 * 60 * 1000
const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const https = { scheme: 'https' as const, host: '127.0.0.1', port: 0 }

function files(folder: string, more: Partial<TlsFiles> = {}): TlsFiles {
  const gateway = { cert: join(folder, 'gateway.crt'), key: join(folder, 'gateway.key') }
  return { certificates: [gateway], clientCa: [], crl: [], http2: true, ...more }
}

function secured(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', servername: 'mail.localhost', rejectUnauthorized: false, ...options },
      () => resolve(socket),
    )
    socket.once('error', reject)
  })
}

async function request(port: number, host: string, options: ConnectionOptions = {}): Promise<string> {
  const socket = await secured(port, options)
  return (await collect(socket, get(host), oneAnswer)).received
}

t.test('a request over TLS knows its scheme, server name and cipher', async (t) => {
  const { folder } = await certificates(t as Tap)
  const { port, heads } = await listenerUnderTest(t, {
    listen: https,
    tls: await loadTlsMaterial(files(folder)),
  })
  t.equal(statusOf(await request(port, 'mail.localhost')), 200)
  t.match(heads[0], {
    scheme: 'https',
    connection: { tls: { serverName: 'mail.localhost', protocol: 'TLSv1.3', cipher: /^TLS_/ } },
  })
})

t.test('TLS 1.2 with forward secrecy and AEAD is the least', async (t) => {
  const { folder } = await certificates(t as Tap)
  const { port } = await listenerUnderTest(t, { listen: https, tls: await loadTlsMaterial(files(folder)) })
  const old = { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const
  const socket = await secured(port, { ...old, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
  t.equal(socket.getProtocol(), 'TLSv1.2')
  socket.destroy()
  for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) {
    await t.rejects(secured(port, { ...old, ciphers }), ciphers)
  }
  await t.rejects(
    secured(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
  )
})

t.test('certificates are chosen by name: exact, wildcard, and the first for all others', async (t) => {
  const { folder, ca } = await certificates(t as Tap)
  const issue = async (name: string, dnsNames: string[]) => {
    const made = await issueCertificate({
      commonName: name,
      issuer: ca,
      use: 'server',
      dnsNames,
      notBefore: Date.now() - day,
      days: 30,
    })
    writeFileSync(join(folder, `${name}.crt`), made.certificate)
    writeFileSync(join(folder, `${name}.key`), made.key)
    return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  }
  const all = [
    ...files(folder).certificates,
    await issue('wild', ['*.example.com']),
    await issue('exact', ['a.example.com']),
  ]
  const { port } = await listenerUnderTest(t, {
    listen: https,
    tls: await loadTlsMaterial(files(folder, { certificates: all })),
  })
  const names = {
    'a.example.com': 'exact',
    'A.Example.Com': 'exact',
    'b.example.com': 'wild',
    'b.c.example.com': 'chat.localhost',
    'other.example': 'chat.localhost',
  }
  for (const [servername, commonName] of Object.entries(names)) {
    const socket = await secured(port, { servername })
    t.equal(socket.getPeerCertificate().subject.CN, commonName, servername)
    socket.destroy()
  }
})

interface Devices {
  readonly tls: TlsMaterial
  readonly folder: string
  readonly issue: (use: 'client' | 'server', over?: object) => Promise<{ cert: string; key: string }>
  readonly device: { cert: string; key: string }
  readonly files: TlsFiles
}

async function deviceListener(t: Tap): Promise<Devices> {
  const { folder, deviceCa, device } = await certificates(t)
  const asked = files(folder, { clientCa: [join(folder, 'device-ca.crt')] })
  const pair = ({ certificate, key }: CertificateAndKey) => ({ cert: certificate, key })
  return {
    folder,
    files: asked,
    tls: await loadTlsMaterial(asked),
    device: pair(device),
    issue: async (use, over = {}) =>
      pair(
        await issueCertificate({
          commonName: 'bob',
          issuer: deviceCa,
          use,
          notBefore: Date.now() - day,
          days: 30,
          ...over,
        }),
      ),
  }
}

t.test('a client certificate that holds is known by its key', async (t) => {
  const { tls, device } = await deviceListener(t as Tap)
  const { port, heads } = await listenerUnderTest(t, { listen: https, tls })
  t.equal(statusOf(await request(port, 'mail.localhost', device)), 200)
  t.match(heads[0]?.connection.clientCertificate, {
    commonName: 'alice',
    email: 'alice@example.com',
    publicKeySha256: /^[\w-]{43}$/,
    notAfter: Number,
  })
})

t.test('a client without a certificate is served without one', async (t) => {
  const { tls } = await deviceListener(t as Tap)
  const { port, heads } = await listenerUnderTest(t, { listen: https, tls })
  t.equal(statusOf(await request(port, 'mail.localhost')), 200)
  t.equal(heads[0]?.connection.clientCertificate, undefined)
})

t.test('an expired, early, foreign or misused certificate is refused, and the log says why', async (t) => {
  const { tls, issue } = await deviceListener(t as Tap)
  const { port, heads, refusals } = await listenerUnderTest(t, { listen: https, tls })
  const foreign = await issueCertificate({
    commonName: 'Device CA',
    use: 'authority',
    notBefore: Date.now() - day,
    days: 30,
  })
  const shown: readonly (readonly [string, object])[] = [
    ['CERT_HAS_EXPIRED', await issue('client', { notBefore: Date.now() - 60 * day })],
    ['CERT_NOT_YET_VALID', await issue('client', { notBefore: Date.now() + day })],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', await issue('client', { issuer: foreign })],
    ['INVALID_PURPOSE', await issue('server', { dnsNames: ['bob'] })],
  ]
  for (const [detail, certificate] of shown) {
    t.equal(statusOf(await request(port, 'mail.localhost', certificate)), 403, detail)
    t.match(refusals.pop(), { reason: 'client.certificate-invalid', detail: new RegExp(detail) })
  }
  t.equal(heads.length, 0)
})

t.test('a revoked certificate is refused', async (t) => {
  const { folder, files: asked, device } = await deviceListener(t as Tap)
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  writeFileSync(
    join(folder, 'ca.cnf'),
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=5\n',
  )
  writeFileSync(join(folder, 'index'), '')
  const ca = ['ca', '-config', 'ca.cnf', '-cert', 'device-ca.crt', '-keyfile', 'device-ca.key']
  const crl = join(folder, 'device-ca.crl')
  run(...ca, '-gencrl', '-out', crl)
  const { port, refusals, listener } = await listenerUnderTest(t, {
    listen: https,
    tls: await loadTlsMaterial({ ...asked, crl: [crl] }),
  })
  t.equal(statusOf(await request(port, 'mail.localhost', device)), 200, 'while the list is empty')
  run(...ca, '-revoke', 'device.crt')
  run(...ca, '-gencrl', '-out', crl)
  listener.reloadTls(await loadTlsMaterial({ ...asked, crl: [crl] }))
  t.equal(statusOf(await request(port, 'mail.localhost', device)), 403)
  t.match(refusals, [{ reason: 'client.certificate-invalid', detail: 'CERT_REVOKED' }])
})

t.test('a certificate shown for another server name does not count for this host', async (t) => {
  const { tls, device } = await deviceListener(t as Tap)
  const { port, refusals } = await listenerUnderTest(t, { listen: https, tls })
  t.equal(statusOf(await request(port, 'chat.localhost', device)), 421)
  t.match(refusals, [{ reason: 'client.certificate-required', host: 'chat.localhost' }])
})

t.test('sessions are not resumed where certificates are asked for', async (t) => {
  const { tls, device } = await deviceListener(t as Tap)
  const { port } = await listenerUnderTest(t, { listen: https, tls })
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await secured(port, { ...device, maxVersion })
    const sessions: Buffer[] = []
    first.on('session', (session) => sessions.push(session))
    await collect(first, get('mail.localhost'), oneAnswer)
    const session = sessions[0] ?? first.getSession()
    const second = await secured(port, { ...device, maxVersion, ...(session && { session }) })
    t.equal(second.isSessionReused(), false, maxVersion)
    second.destroy()
  }
})

t.test('files that do not fit are refused by name', async (t) => {
  const { folder } = await certificates(t as Tap)
  const gateway = join(folder, 'gateway.crt')
  const wrong: readonly (readonly [Partial<TlsFiles>, RegExp])[] = [
    [{ certificates: [{ cert: gateway, key: join(folder, 'ca.key') }] }, /ca\.key: key values mismatch/],
    [
      { certificates: [{ cert: join(folder, 'none.crt'), key: gateway }] },
      /none\.crt: cannot be read \(ENOENT\)/,
    ],
    [{ clientCa: [join(folder, 'gateway.key')] }, /gateway\.key: /],
    [{ clientCa: [gateway] }, /gateway\.crt: is not the certificate of a CA/],
    [{ crl: [gateway] }, /gateway\.crt: /],
  ]
  for (const [over, message] of wrong)
    await t.rejects(loadTlsMaterial(files(folder, over)), { name: 'TlsMaterialError', message })
})

t.test('new files are taken when they change, and wrong ones are not', async (t) => {
  const { folder } = await certificates(t as Tap)
  const other = temporaryFolder(t as Tap)
  const made = await issueCertificate({
    commonName: 'renewed',
    use: 'server',
    dnsNames: ['mail.localhost'],
    notBefore: Date.now() - day,
    days: 30,
  })
  writeFileSync(join(other, 'key'), made.key)
  writeFileSync(join(other, 'cert'), made.certificate)
  const { port, listener } = await listenerUnderTest(t, {
    listen: https,
    tls: await loadTlsMaterial(files(folder)),
  })
  const events: ((outcome: unknown) => void)[] = []
  const next = () => new Promise((resolve) => events.push(resolve))
  const watching = watchTlsMaterial(files(folder), {
    onMaterial: (material) => {
      listener.reloadTls(material)
      events.shift()?.('loaded')
    },
    onError: (error) => events.shift()?.(error),
  })
  t.teardown(() => watching.close())
  const failed = next()
  copyFileSync(join(other, 'key'), join(folder, 'gateway.key'))
  t.match(await failed, { name: 'TlsMaterialError' })
  const loaded = next()
  renameSync(join(other, 'cert'), join(folder, 'gateway.crt'))
  t.equal(await loaded, 'loaded')
  const socket = await secured(port)
  t.equal(socket.getPeerCertificate().subject.CN, 'renewed')
  socket.destroy()
})

t.test(
  'new files are taken when a link above them leads elsewhere, and when their folder is made again',
  async (t) => {
    const { folder } = await certificates(t as Tap)
    const other = await certificates(t as Tap)
    const place = temporaryFolder(t as Tap)
    const [link, next] = [join(place, 'now'), join(place, 'next')]
    symlinkSync(folder, link)
    const seen: unknown[] = []
    const watching = watchTlsMaterial(files(link), {
      onMaterial: () => seen.push('loaded'),
      onError: (error) => seen.push(error),
      every: 20,
    })
    t.teardown(() => watching.close())
    await watching.reload()
    symlinkSync(other.folder, next)
    renameSync(next, link)
    await eventually(() => seen.length === 2)
    renameSync(other.folder, `${other.folder}.away`)
    await eventually(() => seen.length === 3)
    t.match(seen[2], { name: 'TlsMaterialError' })
    cpSync(`${other.folder}.away`, other.folder, { recursive: true })
    rmSync(`${other.folder}.away`, { recursive: true })
    await eventually(() => seen.at(-1) === 'loaded')
    t.equal(seen[1], 'loaded')
  },
)

t.test(
  'a head that never ends, and a handshake that never ends, cost the client its connection',
  async (t) => {
    const { folder } = await certificates(t as Tap)
    const tls = await loadTlsMaterial(files(folder))
    const { port } = await listenerUnderTest(t, {
      listen: https,
      tls,
      limits: { headerTimeout: 2_000, tlsHandshakeTimeout: 2_000 },
    })
    const slow = await collect(await secured(port), 'GET / HTTP/1.1\r\nHost: a.ex', () => false)
    t.equal(statusOf(slow.received), 408)
    t.strictSame(await rawExchange(port, ''), { received: '', closed: true })
  },
)
