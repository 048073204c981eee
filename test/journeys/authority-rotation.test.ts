import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { deviceRequest } from '../../sim/apple/connection.ts'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { createAuthority } from '../../src/enrollment/ca/authority.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { day, renewalUnderTest } from '../enrollment/renewal/support.ts'
import { chatService } from '../helpers/chat.ts'
import type { EnrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import { inProcess } from '../helpers/in-process.ts'
import { openssl } from '../helpers/openssl.ts'

const policy = `
registration:
  - { name: Device certificate, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`

async function setUp(t: Test) {
  const { services } = await chatService(t)
  return renewalUnderTest(t, {
    policy,
    services,
  })
}

async function signIn({ gateway }: EnrollmentUnderTest, { identity }: AppleDevice): Promise<number> {
  const { status } = await ask({
    ...{ port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: '127.99.0.1' },
    ...{ cert: identity!.certificate, key: identity!.key },
    ...{ path: '/login', method: 'POST', headers: form, body: 'username=alice&password=wonderland' },
  })
  return status
}

const certificateOf = ({ identity }: AppleDevice) => new X509Certificate(identity!.certificate)

t.test(
  'after `enroll ca rotate` nobody is locked out, renewals are of the new CA, and both answer for what they have issued',
  async (t) => {
    const under = await setUp(t)
    const { gateway, enrolled, publicUrl, ca } = under
    const [first, second] = [await enrolled(), await enrolled()]
    const rotate = ['enroll', 'ca', 'rotate', '--bits', '2048', '--why', 'yearly', '--json']
    const { code, stdout } = await inProcess(rotate, gateway.settingsFile)
    t.equal(code, 0)
    const { authority, replaces } = JSON.parse(stdout)
    const get = (path: string) => deviceRequest(`${publicUrl}${path}`, { method: 'GET' }, { ca })
    await eventually(async () => (await get(`/crl/${authority.id}.crl`)).status === 200)
    const [before] = (await under.store.authorities.list()).filter(({ id }) => id === replaces)
    for (const phone of [first, second]) {
      await phone.poll()
      t.equal(await signIn(under, phone), 302)
      t.ok(certificateOf(phone).verify(new X509Certificate(before!.certificate).publicKey))
    }

    const former = certificateOf(first)
    await t.rejects(first.renewIdentity(), /not the one of the profile/, 'by itself it waits for the new CA')
    await under.round(300 * day)
    await first.poll()
    const present = certificateOf(first)
    t.ok(present.verify(new X509Certificate(authority.certificate).publicKey), 'of the new CA')
    t.notOk(former.verify(new X509Certificate(authority.certificate).publicKey))
    t.equal(await signIn(under, first), 302)

    const tool = openssl(t)
    const addressed = (name: string) => [
      ...['-issuer', `${name}.crt`, '-CAfile', `${name}.crt`],
      ...['-reqin', `${name}.question`, '-respin', `${name}.answer`],
    ]
    for (const [name, { id, certificate }, shown] of [
      ['old', before!, former],
      ['new', authority, present],
    ] as const) {
      tool.file(`${name}.crt`, certificate)
      tool.file(`${name}.device`, shown.toString())
      tool.file(`${name}.crl`, (await get(`/crl/${id}.crl`)).body)
      tool.run('crl', '-verify', '-inform', 'DER', '-in', `${name}.crl`, '-CAfile', `${name}.crt`, '-noout')
      const list = tool.run('crl', '-inform', 'DER', '-in', `${name}.crl`, '-noout', '-text').toString()
      t.equal(list.includes(former.serialNumber), name === 'old', 'what was renewed is on the old list alone')

      const question = ['ocsp', '-issuer', `${name}.crt`, '-cert', `${name}.device`]
      tool.run(...question, '-no_nonce', '-reqout', `${name}.question`)
      const body = readFileSync(join(tool.folder, `${name}.question`))
      const headers = { 'content-type': 'application/ocsp-request' }
      const answer = await deviceRequest(`${publicUrl}/ocsp`, { method: 'POST', headers, body }, { ca })
      tool.file(`${name}.answer`, answer.body)
      const said = tool.run('ocsp', ...addressed(name), '-cert', `${name}.device`).toString()
      t.match(said, name === 'old' ? 'revoked' : 'good', name)
    }
  },
)

t.test('a rotation that is killed between its key and the record has changed nothing', async (t) => {
  const under = await setUp(t)
  const { gateway, enrolled, store } = under
  const phone = await enrolled()
  const [before] = await store.authorities.list()
  const { ca } = loadSettings(gateway.settingsFile, {}).settings!.enrollment!
  const orphan = { id: 'ca_orphan', organisation: 'Example Corp', bits: 2048, at: Date.now() }
  await createAuthority(orphan, ca)
  await phone.renewIdentity()
  await phone.poll()
  t.equal((await store.certificates.ofEnrollment(phone.options.udid)).at(-1)?.authority, before?.id)
  const again = ['enroll', 'ca', 'rotate', '--bits', '2048', '--why', 'once more', '--json']
  const { stdout } = await inProcess(again, gateway.settingsFile)
  t.match(JSON.parse(stdout), { replaces: before?.id })
})
