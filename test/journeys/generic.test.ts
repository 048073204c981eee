import t, { type Test } from 'tap'
import { type CertificateAndKey, issueCertificate } from '../../sim/certificates.ts'
import { passwordIsRight } from '../../sim/people.ts'
import { type SimulatedExchange, startSimulation } from '../../sim/simulation.ts'
import { certificates } from '../helpers/certificates.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'
import { tokenIssuer } from '../helpers/token-issuer.ts'

const host = 'api.localhost'

/** Takes Basic credentials, or a token that it does not look at. */
function files(exchange: SimulatedExchange): void {
  const [scheme, value = ''] = (exchange.request.headers.authorization ?? '').split(' ')
  const [user = '', password = ''] = Buffer.from(value, 'base64').toString().split(':')
  if (scheme === 'Bearer' || passwordIsRight(user, password)) exchange.text(200, 'files')
  else exchange.send(401, '', { 'www-authenticate': 'Basic realm="files"' })
}

async function filesBehindGateway(t: Test, generic: string) {
  const server = await startSimulation({ port: 0 }, files)
  t.teardown(() => server.close())
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: files, hosts: [${host}], upstream: ["${server.url}"], client: generic, generic: ${generic} }`,
  })
  return { server, gateway }
}

interface Asked {
  readonly from: string
  readonly user?: string
  readonly password?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly shown?: CertificateAndKey
}

function call(gateway: GatewayUnderTest, asked: Asked) {
  const { from, user = 'alice', password = 'wonderland', headers, shown } = asked
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return ask({
    port: gateway.tls,
    host,
    ca: gateway.ca,
    from,
    path: '/files',
    headers: { authorization, ...headers },
    ...(shown && { cert: shown.certificate, key: shown.key }),
  })
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

const byHeader = '{ device: [{ header: X-Device-Id }], user: { basic: true }, success: { status: [200] } }'
const laptop = { 'x-device-id': 'laptop-1' }

t.test(
  'a device that names itself in a header registers with its user’s password, and only for that user',
  async (t) => {
    const { server, gateway } = await filesBehindGateway(t, byHeader)
    t.equal((await call(gateway, { from: internet, headers: laptop })).status, 403)
    t.equal(server.requests.length, 0)
    t.equal((await call(gateway, { from: wifi, headers: laptop })).status, 200)
    t.equal((await call(gateway, { from: internet, headers: laptop })).status, 200)

    const reached = server.requests.length
    const bob = { from: internet, user: 'bob', password: 'builder', headers: laptop }
    t.equal((await call(gateway, bob)).status, 403)
    t.equal((await call(gateway, { from: internet, headers: { 'x-device-id': 'laptop-2' } })).status, 403)
    t.equal((await call(gateway, { from: internet })).status, 403)
    t.equal(server.requests.length, reached)
    t.match(await registered(gateway), [
      { registration: { user: 'alice', device: { claimedId: 'laptop-1' } } },
    ])
  },
)

t.test('two people share a device: each registers with a password of their own', async (t) => {
  const { gateway } = await filesBehindGateway(t, byHeader)
  const bob = { user: 'bob', password: 'builder', headers: laptop }
  t.equal((await call(gateway, { from: wifi, headers: laptop })).status, 200)
  t.equal((await call(gateway, { from: wifi, ...bob })).status, 200)
  t.equal((await call(gateway, { from: internet, headers: laptop })).status, 200)
  t.equal((await call(gateway, { from: internet, ...bob })).status, 200)
})

t.test('a wrong password registers nothing', async (t) => {
  const { gateway } = await filesBehindGateway(t, byHeader)
  t.equal((await call(gateway, { from: wifi, headers: laptop, password: 'guess' })).status, 401)
  t.strictSame(await registered(gateway), [])
})

t.test('who does not say which device it is, or says it twice, is refused on the Wi-Fi too', async (t) => {
  const { server, gateway } = await filesBehindGateway(t, byHeader)
  const silent = await call(gateway, { from: wifi })
  t.match([silent.status, JSON.parse(silent.body).reason], [403, 'client.unidentified'])
  const twice = await call(gateway, { from: wifi, headers: { 'x-device-id': ['laptop-1', 'laptop-2'] } })
  t.match([twice.status, JSON.parse(twice.body).reason], [400, 'client.ambiguous'])
  t.equal(server.requests.length, 0)
})

t.test('programs get problem documents, people a redirect', async (t) => {
  const { gateway } = await filesBehindGateway(t, byHeader)
  const program = await call(gateway, { from: internet, headers: laptop })
  t.match(program.headers['content-type'], 'application/problem+json')
  const person = await call(gateway, { from: internet, headers: { ...laptop, ...navigation } })
  t.equal(person.status, 302)
})

t.test(
  'a field of the certificate names the device, also on a renewed certificate with a new key',
  async (t) => {
    const byCertificate =
      '{ device: [{ certificate: commonName }], user: { basic: true }, success: { status: [200] } }'
    const { gateway } = await filesBehindGateway(t, byCertificate)
    const { deviceCa } = await certificates(t)
    const issue = (commonName: string) =>
      issueCertificate({ commonName, issuer: deviceCa, use: 'client', notBefore: Date.now() - 1000, days: 3 })
    const [first, renewed, other] = [
      await issue('tablet-7'),
      await issue('tablet-7'),
      await issue('tablet-8'),
    ]
    t.equal((await call(gateway, { from: wifi, shown: first })).status, 200)
    t.match(await registered(gateway), [{ registration: { binding: 'certificate' } }])
    t.equal((await call(gateway, { from: internet, shown: first })).status, 200)
    t.equal((await call(gateway, { from: internet, shown: renewed })).status, 200)
    t.equal((await call(gateway, { from: internet, shown: other })).status, 403)
    t.equal((await call(gateway, { from: internet })).status, 403)
  },
)

t.test('a claim names the device when its token is verified, never otherwise', async (t) => {
  const issuer = await tokenIssuer(t)
  const generic = `{ device: [{ claim: deviceid }], user: { claim: upn }, success: { status: [200] }, bearer: ${issuer.settings} }`
  const { gateway } = await filesBehindGateway(t, generic)
  const withToken = async (from: string, token: string) =>
    (await call(gateway, { from, headers: { authorization: `Bearer ${token}` } })).status
  const alice = { upn: 'alice', deviceid: 'laptop-1' }
  const expired = await issuer.sign(alice, { expires: Math.floor(Date.now() / 1000) - 120 })
  t.equal(await withToken(wifi, expired), 401)
  t.strictSame(await registered(gateway), [])
  t.equal(await withToken(wifi, await issuer.sign(alice)), 200)
  t.equal(await withToken(internet, await issuer.sign(alice)), 200)
  t.equal(await withToken(internet, await issuer.sign({ ...alice, deviceid: 'laptop-2' })), 403)
})
