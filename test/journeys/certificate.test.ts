import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Stream, connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type CertificateAndKey, type CertificateRequest, issueCertificate } from '../../sim/certificates.ts'
import { certificates } from '../helpers/certificates.ts'
import { type ChatOptions, chatBehindGateway, internet } from '../helpers/chat.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, form, navigation } from '../helpers/http-client.ts'
import { revocationList } from '../helpers/revocation-list.ts'

const policy = `
registration:
  - { name: Device certificate, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`
const day = 24 * 60 * 60 * 1000

async function chatForCertificates(t: Test, options: ChatOptions = {}) {
  const { deviceCa, device } = await certificates(t)
  const issue = (but: Partial<CertificateRequest> = {}) =>
    issueCertificate({
      commonName: 'tablet',
      issuer: deviceCa,
      use: 'client',
      notBefore: Date.now() - day,
      days: 30,
      ...but,
    })
  return { ...(await chatBehindGateway(t, { policy, ...options })), deviceCa, device, issue }
}

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly serverName?: string
  readonly host?: string
}

function call(
  gateway: GatewayUnderTest,
  shown: CertificateAndKey | undefined,
  asked: Asked = {},
): Promise<ClientAnswer> {
  const certificate = shown === undefined ? {} : { cert: shown.certificate, key: shown.key }
  const target = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet }
  return ask({ ...target, path: '/api/messages', ...certificate, ...asked })
}

function signIn(gateway: GatewayUnderTest, shown: CertificateAndKey | undefined, password = 'wonderland') {
  const body = `username=alice&password=${password}`
  return call(gateway, shown, { path: '/login', method: 'POST', headers: form, body })
}

t.test(
  'a device certificate registers from the internet, and is all that is needed afterwards',
  async (t) => {
    const { gateway, service, device } = await chatForCertificates(t)
    const signedIn = await signIn(gateway, device)
    t.equal(signedIn.status, 302)
    t.notOk(
      signedIn.cookies.some((cookie) => cookie.includes('gatehouse')),
      'no cookie of ours is needed',
    )
    const cookie = signedIn.cookies.join('; ')
    t.equal((await call(gateway, device, { headers: { cookie } })).status, 200)
    t.match(service.requests.at(-1)?.headers, { 'gatehouse-user': 'alice' })
    t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
      { registration: { user: 'alice', binding: 'certificate', evidence: ['certificate'] } },
    ])

    const stolen = await call(gateway, undefined, { headers: { cookie } })
    t.equal(stolen.status, 403, 'the session’s cookie without the certificate opens nothing')
  },
)

t.test('another certificate of the same CA is another device', async (t) => {
  const { gateway, device, issue } = await chatForCertificates(t)
  const { cookies } = await signIn(gateway, device)
  writeFileSync(gateway.policyFile, policy.replace('allow', '{ refuse: Registration is over }'))
  await gateway.running.reload()
  const headers = { cookie: cookies.join('; ') }
  t.equal((await call(gateway, await issue(), { headers })).status, 403)
  t.equal((await call(gateway, device, { headers })).status, 200)
})

t.test('a certificate and a wrong password register nothing', async (t) => {
  const { gateway, device } = await chatForCertificates(t)
  t.equal((await signIn(gateway, device, 'guess')).status, 401)
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

t.test(
  'expired, foreign and misused certificates are refused with a clear reason, and the log says which',
  async (t) => {
    const { gateway, service, issue } = await chatForCertificates(t)
    const foreignCa = await issue({ commonName: 'Foreign CA', use: 'authority' })
    const wrong = {
      'expired: CERT_HAS_EXPIRED': await issue({ notBefore: Date.now() - 60 * day }),
      'not yet valid: CERT_NOT_YET_VALID': await issue({ notBefore: Date.now() + day }),
      'foreign: UNABLE_TO|SELF_SIGNED': await issue({ issuer: foreignCa }),
      'for servers: extended key usage|INVALID_PURPOSE': await issue({ use: 'server' }),
    }
    for (const [what, certificate] of Object.entries(wrong)) {
      const answer = await signIn(gateway, certificate)
      t.equal(answer.status, 403, what)
      t.match(JSON.parse(answer.body), { reason: 'client.certificate-invalid' }, what)
      const [, pattern = ''] = what.split(': ')
      const line = await gateway.accessLine(answer.id)
      t.match(line.detail, new RegExp(pattern), what)
    }
    const page = await call(gateway, wrong['expired: CERT_HAS_EXPIRED'], { path: '/', headers: navigation })
    t.equal(page.status, 403)
    t.match(page.headers['content-type'], 'text/html')
    t.match(page.body, /certificate of this device is not valid/)
    t.equal(service.requests.length, 0)
  },
)

t.test('a native client hears of its certificate in its own terms', async (t) => {
  const extra =
    '  - { name: matrix, hosts: [matrix.localhost], upstream: ["http://127.0.0.1:9"], client: matrix }'
  const { gateway, issue } = await chatForCertificates(t, { extra })
  const expired = await issue({ notBefore: Date.now() - 60 * day })
  const sync = { host: 'matrix.localhost', path: '/_matrix/client/v3/sync' }
  const answer = await call(gateway, expired, { ...sync, headers: { authorization: 'Bearer syt_1' } })
  t.match([answer.status, JSON.parse(answer.body)], [401, { errcode: 'M_UNKNOWN_TOKEN', soft_logout: true }])
})

t.test('a revoked certificate is refused, its neighbour is not', async (t) => {
  const { deviceCa, device } = await certificates(t)
  const crl = await revocationList(t, deviceCa, [device])
  const { gateway, service, issue } = await chatForCertificates(t, { tls: `crl: [${crl}]` })
  const answer = await signIn(gateway, device)
  t.equal(answer.status, 403)
  t.match(JSON.parse(answer.body), { reason: 'client.certificate-invalid' })
  t.match((await gateway.accessLine(answer.id)).detail, 'CERT_REVOKED')
  t.equal(service.requests.length, 0)
  t.equal((await signIn(gateway, await issue())).status, 302)
})

t.test('a certificate that is revoked later opens nothing from the next connection on', async (t) => {
  const { deviceCa, device } = await certificates(t)
  const crl = await revocationList(t, deviceCa, [])
  const { gateway } = await chatForCertificates(t, { tls: `crl: [${crl}]` })
  t.equal((await signIn(gateway, device)).status, 302)
  copyFileSync(await revocationList(t, deviceCa, [device]), crl)
  await gateway.running.reload()
  t.equal((await call(gateway, device)).status, 403)
})

t.test('a certificate shown under another server name proves nothing for this host', async (t) => {
  const { gateway, service, device } = await chatForCertificates(t)
  await signIn(gateway, device)
  const reached = service.requests.length
  const answer = await call(gateway, device, { serverName: 'mail.localhost' })
  t.equal(answer.status, 421)
  t.match(JSON.parse(answer.body), { reason: 'client.certificate-required' })
  t.equal(service.requests.length, reached)
})

t.test('the certificate counts over HTTP/2 as well', async (t) => {
  const { gateway, device } = await chatForCertificates(t)
  const { cookies } = await signIn(gateway, device)
  const overHttp2 = async (shown: CertificateAndKey | undefined) => {
    const session = connect(`https://chat.localhost:${gateway.tls}`, {
      ca: gateway.ca,
      host: '127.0.0.1',
      ...(shown && { cert: shown.certificate, key: shown.key }),
    })
    t.teardown(() => session.destroy())
    const stream = session.request({ ':path': '/api/messages', cookie: cookies.join('; ') })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    await text(stream as ClientHttp2Stream)
    return headers[':status']
  }
  t.equal(await overHttp2(device), 200)
  t.equal(await overHttp2(undefined), 403)
})
