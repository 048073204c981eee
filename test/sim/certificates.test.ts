import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ensureCertificates, evaluationHosts } from '../../sim/certificate-files.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { run } from '../helpers/run.ts'

t.test('openssl accepts the gateway certificate for each name of the evaluation', async (t) => {
  const { folder } = await certificates(t)
  const verify = ['openssl', 'verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.crt'] as const
  for (const host of evaluationHosts) {
    const { code, stderr } = await run(t, [...verify, '-verify_hostname', host, 'gateway.crt'], {
      cwd: folder,
    })
    t.equal(code, 0, `${host} ${stderr}`)
  }
  const other = await run(t, [...verify, '-verify_hostname', 'other.localhost', 'gateway.crt'], {
    cwd: folder,
  })
  t.not(other.code, 0)
})

t.test('the device certificate is for clients only, names alice, and comes from the device CA', async (t) => {
  const { folder } = await certificates(t)
  const verify = ['openssl', 'verify', '-x509_strict', '-CAfile'] as const
  const asClient = [...verify, 'device-ca.crt', '-purpose', 'sslclient', 'device.crt'] as const
  t.equal((await run(t, asClient, { cwd: folder })).code, 0)
  const asServer = [...verify, 'device-ca.crt', '-purpose', 'sslserver', 'device.crt'] as const
  t.not((await run(t, asServer, { cwd: folder })).code, 0)
  t.not((await run(t, [...verify, 'ca.crt', 'device.crt'], { cwd: folder })).code, 0)
  const text = await run(t, ['openssl', 'x509', '-in', 'device.crt', '-noout', '-text'], { cwd: folder })
  t.match(text.stdout, /Subject: .*CN = ?alice/)
  t.match(text.stdout, 'email:alice@example.com')
})

t.test('a server certificate lasts at most 825 days', async (t) => {
  const { folder } = await certificates(t)
  const seconds = (days: number) => String(days * 24 * 60 * 60)
  const check = ['openssl', 'x509', '-in', 'gateway.crt', '-noout', '-checkend'] as const
  t.equal((await run(t, [...check, seconds(820)], { cwd: folder })).code, 0)
  t.equal((await run(t, [...check, seconds(825)], { cwd: folder })).code, 1)
})

t.test('private keys can be read by their owner only', async (t) => {
  const folder = temporaryFolder(t)
  const all = ['ca', 'device', 'device-ca', 'gateway', 'push']
  t.strictSame(await ensureCertificates(folder, Date.now()), all)
  for (const name of all) {
    t.equal(statSync(join(folder, `${name}.key`)).mode & 0o777, 0o600, name)
  }
})

t.test('a second start keeps certificates; one that has expired or lost its CA is made anew', async (t) => {
  const { folder } = await certificates(t)
  const now = Date.now()
  await ensureCertificates(folder, now)
  const before = readFileSync(join(folder, 'gateway.crt'), 'utf8')
  t.strictSame(await ensureCertificates(folder, now), [])
  t.equal(readFileSync(join(folder, 'gateway.crt'), 'utf8'), before)
  t.strictSame(await ensureCertificates(folder, now + 830 * 24 * 60 * 60 * 1000), [
    'device',
    'gateway',
    'push',
  ])
  rmSync(join(folder, 'ca.key'))
  t.strictSame(await ensureCertificates(folder, now), ['ca', 'gateway', 'push'])
})

t.test('a gateway certificate of before, without a name that has come since, is made anew', async (t) => {
  const { folder } = await certificates(t)
  await ensureCertificates(folder, Date.now())
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const issuer = { certificate: read('ca.crt'), key: read('ca.key') }
  const notBefore = Date.now() - 60_000
  const request = {
    commonName: 'chat.localhost',
    dnsNames: ['chat.localhost'],
    use: 'server',
    days: 30,
  } as const
  const before = await issueCertificate({ ...request, issuer, notBefore })
  writeFileSync(join(folder, 'gateway.crt'), before.certificate)
  writeFileSync(join(folder, 'gateway.key'), before.key)
  t.strictSame(await ensureCertificates(folder, Date.now()), ['gateway'])
})
