import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { readPushCertificate, stampOf } from '../../src/apns/push-certificate.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { pushCertificate, topic } from './support.ts'

const execute = promisify(execFile)
const passphrase = { reveal: () => 'correct horse' }

async function filesOf(t: Test, uid?: string) {
  const folder = temporaryFolder(t)
  const { certificate, key } = await pushCertificate(uid)
  const paths = {
    cert: join(folder, 'push.crt'),
    key: join(folder, 'push.key'),
    both: join(folder, 'push.pem'),
  }
  writeFileSync(paths.cert, certificate)
  writeFileSync(paths.key, key)
  writeFileSync(paths.both, `${key}\n${certificate}`)
  return { ...paths, folder, certificate }
}

t.test(
  'PEM in one file or two, and PKCS #12 as OpenSSL and as the Keychain write it, are the same certificate',
  async (t) => {
    const { folder, cert, key, both } = await filesOf(t)
    const p12 = async (name: string, ...options: readonly string[]) => {
      const file = join(folder, name)
      await execute('openssl', [
        'pkcs12',
        '-export',
        '-in',
        cert,
        '-inkey',
        key,
        '-out',
        file,
        '-passout',
        `pass:${passphrase.reveal()}`,
        ...options,
      ])
      return file
    }
    const modern = await p12('modern.p12')
    const keychain = await p12(
      'keychain.p12',
      '-legacy',
      '-certpbe',
      'PBE-SHA1-RC2-40',
      '-keypbe',
      'PBE-SHA1-3DES',
    )
    const encrypted = join(folder, 'encrypted.key')
    await execute('openssl', [
      'pkcs8',
      '-topk8',
      '-in',
      key,
      '-out',
      encrypted,
      '-passout',
      `pass:${passphrase.reveal()}`,
    ])
    const first = readPushCertificate({ certificate: both })
    t.equal(first.topic, topic)
    for (const files of [
      { certificate: cert, key },
      { certificate: cert, key: encrypted, passphrase },
      { certificate: modern, passphrase },
      { certificate: keychain, passphrase },
    ]) {
      const read = readPushCertificate(files)
      t.match(read, { topic, fingerprint: first.fingerprint, notAfter: first.notAfter })
      t.match(read.key, /BEGIN (RSA )?PRIVATE KEY/)
    }
    for (const wrong of [modern, keychain])
      t.throws(
        () => readPushCertificate({ certificate: wrong, passphrase: { reveal: () => 'battery staple' } }),
        /passphrase/,
      )
  },
)

t.test('a file that cannot be used is told with its name, and never with its content', async (t) => {
  const { folder, cert, key, both } = await filesOf(t)
  const other = await filesOf(t)
  const website = await filesOf(t, 'www.example.com')
  const garbage = join(folder, 'garbage')
  writeFileSync(garbage, Buffer.alloc(2000, 0x30))
  const torn = join(folder, 'torn')
  const pem = readFileSync(both, 'utf8')
  writeFileSync(torn, pem.replace(/(BEGIN CERTIFICATE-----\n).+\n/, '$1'))
  const loop = join(folder, 'loop')
  symlinkSync(loop, loop)
  const empty = join(folder, 'empty')
  writeFileSync(empty, '')
  const cases: readonly (readonly [Parameters<typeof readPushCertificate>[0], RegExp])[] = [
    [{ certificate: join(folder, 'absent') }, /absent cannot be read/],
    [{ certificate: loop }, /loop cannot be read/],
    [{ certificate: torn }, /torn holds no certificate that can be read/],
    [{ certificate: empty }, /empty is no certificate/],
    [{ certificate: garbage }, /garbage is neither PEM nor/],
    [{ certificate: cert }, /push\.crt holds no private key/],
    [{ certificate: key }, /push\.key holds no certificate/],
    [{ certificate: cert, key: other.key }, /does not belong to the certificate/],
    [{ certificate: website.both }, /no MDM push certificate/],
    [
      { certificate: both, topic: 'com.apple.mgmt.External.0000' },
      /is for the topic com\.apple\.mgmt\.External\.5a1e/,
    ],
  ]
  for (const [files, message] of cases) {
    t.throws(() => readPushCertificate(files), { name: 'PushCertificateUnusable', message })
    t.throws(() => readPushCertificate(files), { message: /^(?![\s\S]*BEGIN)/ })
  }
})

t.test('intermediates go along behind the certificate, in whichever order the file has them', async (t) => {
  const { key, both, certificate } = await filesOf(t)
  const { certificate: intermediate } = await pushCertificate('com.apple.mgmt.intermediate')
  writeFileSync(both, `${intermediate}${certificate}`)
  const { cert } = readPushCertificate({ certificate: both, key })
  t.strictSame(
    cert.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)?.map((one) => one.trim()),
    [certificate.trim(), intermediate.trim()],
  )
})

t.test('a file that is far too large is not taken, and a new key alone is noticed', async (t) => {
  const { cert, key, certificate } = await filesOf(t)
  const before = stampOf({ certificate: cert, key })
  writeFileSync(key, `${readFileSync(key, 'utf8')}\n`)
  t.not(stampOf({ certificate: cert, key }), before)
  writeFileSync(cert, `${certificate}${' '.repeat(256 * 1024)}`)
  t.throws(() => readPushCertificate({ certificate: cert, key }), /push\.crt/)
})
