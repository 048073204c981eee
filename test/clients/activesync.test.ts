import t from 'tap'
import { activesync } from '../../src/clients/activesync.ts'
import { clientKey } from '../../src/clients/client-key.ts'
import type { Identification } from '../../src/domain/client-identity.ts'
import type { ReasonCode } from '../../src/domain/reason.ts'
import {
  aCertificate,
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  type GivenRequest,
} from './helpers/given.ts'
import { ntlmAuthenticate, ntlmNegotiate, wrapped } from './helpers/ntlm.ts'

const protocol = activesync(aService({ kind: 'activesync' }), dependencies())
const path = '/Microsoft-Server-ActiveSync'
const plain = `${path}?Cmd=Sync&User=alice&DeviceId=ApplF4K2&DeviceType=iPhone`
const basic = (user: string, encoding: BufferEncoding = 'utf8') =>
  ['Authorization', `Basic ${Buffer.from(`${user}:secret`, encoding).toString('base64')}`] as const
const ntlm = (message: Buffer, scheme = 'NTLM') =>
  ['Authorization', `${scheme} ${message.toString('base64')}`] as const
const key = (device: string, user: string) => clientKey('svc', 'claimed', 'activesync', device, user)

const post = (target: string, ...headers: (readonly [string, string])[]): GivenRequest => ({
  method: 'POST',
  target,
  headers,
})
const identify = async (given: GivenRequest): Promise<Identification> => protocol.identify(aRequest(given))

/** Version, command, locale, device id, policy key, device type, and what follows, as base64. */
function binary(deviceId: Buffer | string, rest = '', policyKey = Buffer.alloc(0)): string {
  const counted = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length]), bytes])
  return Buffer.concat([
    Buffer.from([140, 0, 9, 4]),
    counted(Buffer.from(deviceId)),
    counted(policyKey),
    counted(Buffer.from('SmartPhone')),
    Buffer.from(rest, 'latin1'),
  ]).toString('base64')
}

t.test('a phone is known by its device id together with the user of its credentials', async (t) => {
  const identification = await identify(
    post(plain, basic('Alice'), ['User-Agent', 'Apple-iPhone14C5/2102.86']),
  )
  t.match(identification, {
    user: 'alice',
    keys: [key('applf4k2', 'alice')],
    signIn: true,
    navigation: false,
    device: { type: 'iPhone', platform: 'ios', model: 'iPhone14,5', claimedId: 'applf4k2' },
  })
  t.equal(identification.refuse, undefined)
})

t.test('the base64 query names the same device', async (t) => {
  const vector = 'jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l' // MS-ASHTTP
  t.equal(binary('v140Device'), vector)
  const identification = await identify(post(`${path}?${vector}`, basic('alice')))
  t.match(identification, { keys: [key('v140device', 'alice')], device: { type: 'SmartPhone' } })
  const withUser = binary('v140Device', '\x08\x03bob')
  const spellings = [
    withUser,
    withUser.replace(/=+$/, ''),
    withUser.replaceAll('=', '%3d').replaceAll('+', '%2B'),
  ]
  for (const query of spellings) t.match(await identify(post(`${path}?${query}`)), { user: 'bob' }, query)
})

t.test('the id of a phone that counts as a GUID has a key for each spelling', async (t) => {
  const guid = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const { keys } = await identify(post(`${path}?${binary(guid)}`, basic('alice')))
  t.strictSame(keys, [
    key('00112233445566778899aabbccddeeff', 'alice'),
    key('33221100554477668899aabbccddeeff', 'alice'),
  ])
})

t.test('a query that two servers could read in two ways is refused', async (t) => {
  const cases: readonly (readonly [string, ReasonCode])[] = [
    [`Cmd=Sync&User=alice&DeviceId=A1&DeviceId=B2`, 'client.ambiguous'],
    [`Cmd=Sync&User=alice&DeviceId=A1&deviceid=B2`, 'client.ambiguous'],
    [`Cmd=Sync&User=alice&DeviceId=A1&Device%49d=B2`, 'client.ambiguous'],
    [`Cmd=Sync&User=alice&DeviceId=A1&DeviceId[]=B2`, 'client.ambiguous'],
    [`Cmd=Sync&User=alice&DeviceId=A1&+DeviceId=B2`, 'client.ambiguous'],
    [`Cmd=Sync&User=alice&User=bob&DeviceId=A1`, 'client.ambiguous'],
    [`${binary('v140Device').replaceAll('=', '')}&Cmd=Sync&User=alice&DeviceId=A1`, 'client.ambiguous'],
    [binary('v140Device', '\x08\x01a\x08\x01b'), 'client.ambiguous'],
    [`Cmd=Sync&User=alice&DeviceId=`, 'http.malformed'],
    [`Cmd=Sync&User=alice&DeviceId=${'A'.repeat(33)}`, 'http.malformed'],
    [`Cmd=Sync&User=alice&DeviceId=A-1`, 'http.malformed'],
    [`Cmd=Sync&User=alice&DeviceId=A1%00`, 'http.malformed'],
    [`Cmd=Sync&User=%ff&DeviceId=A1`, 'http.malformed'],
    [`User=alice&DeviceId=A1`, 'http.malformed'],
    [`jAAJBAp2!!MTQwRGV2aWNlAApTbWFydFBob25l`, 'client.ambiguous'],
    [binary('', ''), 'http.malformed'],
    [binary('v140Device', '\x08\x09alice'), 'http.malformed'],
    [binary('v140Device', '\x63\x01a'), 'http.malformed'],
    [binary('v140Device', 'x'), 'http.malformed'],
    [binary('v140Device', '', Buffer.from([1, 2])), 'http.malformed'],
    [Buffer.from([140, 0, 9, 4, 200, 65]).toString('base64'), 'http.malformed'],
    [Buffer.from([140, 0]).toString('base64'), 'http.malformed'],
  ]
  for (const [query, reason] of cases) {
    const identification = await identify(post(`${path}?${query}`, basic('alice')))
    t.match(identification, { refuse: reason, keys: [] }, query)
  }
})

t.test('credentials of another user than the query names are refused', async (t) => {
  t.match(await identify(post(plain, basic('bob'))), { refuse: 'client.user-mismatch' })
  for (const spelling of ['CORP\\Alice', 'alice@example.com', 'ALICE']) {
    const identification = await identify(post(plain, basic(spelling)))
    t.equal(identification.refuse, undefined, spelling)
    t.equal(identification.user, spelling.toLowerCase())
  }
})

t.test('credentials that hide their user are refused', async (t) => {
  const kerberos = ntlm(Buffer.from('6082010006092a864886f71201020201', 'hex'), 'Negotiate')
  for (const header of [
    kerberos,
    ['Authorization', 'Bearer opaque'] as const,
    ['Authorization', 'Digest username="alice"'] as const,
  ]) {
    t.match(await identify(post(plain, header)), { refuse: 'client.credentials-opaque' }, header[1])
  }
  t.match(await identify(post(plain, ['Authorization', 'NTLM !!'])), { refuse: 'http.malformed' })
})

t.test('a bearer token names its user, whom the upstream verifies', async (t) => {
  const payload = Buffer.from(JSON.stringify({ upn: 'Alice@example.com' })).toString('base64url')
  t.match(await identify(post(plain, ['Authorization', `Bearer e30.${payload}.x`])), {
    user: 'alice@example.com',
  })
})

t.test('an old client’s latin1 name is read', async (t) => {
  const target = `${path}?Cmd=Sync&DeviceId=A1`
  t.match(await identify(post(target, basic('Jürgen', 'latin1'))), { user: 'jürgen' })
  t.match(await identify(post(target, basic('Jürgen'))), { user: 'jürgen' })
})

t.test('NTLM signs the connection in, and its user counts on the requests that follow', async (t) => {
  const first = aRequest(post(plain, ntlm(ntlmNegotiate())))
  const opening = await protocol.identify(first)
  t.match(opening, { user: 'alice', keys: [key('applf4k2', 'alice')], signIn: false })
  t.equal(protocol.watches(first, opening), false)
  const spnego = wrapped(ntlmAuthenticate('CORP', 'Alice'))
  for (const header of [ntlm(ntlmAuthenticate('CORP', 'Alice')), ntlm(spnego, 'Negotiate')]) {
    const third = aRequest(post(plain, header))
    const proving = await protocol.identify(third)
    t.match(proving, { user: 'corp\\alice', signIn: true })
    t.equal(protocol.watches(third, proving), true)
    t.strictSame(protocol.observe(third, proving, anAnswer(401)), {})
    t.match(protocol.observe(third, proving, anAnswer(200)), {
      connectionUser: 'corp\\alice',
      accepted: { user: 'corp\\alice', keys: [key('applf4k2', 'corp\\alice'), key('applf4k2', 'alice')] },
    })
  }
  const later = await identify({ ...post(plain), connection: { authenticatedUser: 'corp\\alice' } })
  t.match(later, { user: 'corp\\alice', signIn: true, keys: [key('applf4k2', 'corp\\alice')] })
  const other = await identify({
    ...post(plain, basic('bob')),
    connection: { authenticatedUser: 'corp\\alice' },
  })
  t.match(other, { refuse: 'client.user-mismatch' })
})

t.test('only a success on a request with credentials and a device id registers', async (t) => {
  const observe = async (given: GivenRequest, status: number) => {
    const request = aRequest(given)
    return protocol.observe(request, await protocol.identify(request), anAnswer(status))
  }
  t.match(await observe(post(plain, basic('alice')), 200), { accepted: { user: 'alice' } })
  for (const status of [401, 403, 449, 451, 500, 503]) {
    t.strictSame(await observe(post(plain, basic('alice')), status), {}, String(status))
  }
  t.strictSame(await observe(post(plain), 200), {}, 'no credentials')
  t.strictSame(await observe(post(path, basic('alice')), 200), {}, 'no device id')
})

t.test('OPTIONS and Autodiscover name no device', async (t) => {
  t.match(await identify({ method: 'OPTIONS', target: path, headers: [basic('alice')] }), {
    keys: [],
    signIn: false,
  })
  const discover = await identify(post('/autodiscover/autodiscover.xml', basic('alice')))
  t.match(discover, { keys: [], user: 'alice', signIn: false })
  const options = await identify({ method: 'OPTIONS', target: `${path}?User=alice&DeviceId=A1`, headers: [] })
  t.match(options, { keys: [key('a1', 'alice')] })
})

t.test('device claims count on ActiveSync’s own path alone', async (t) => {
  const identification = await identify(post(plain.replace(path, '/EWS/Exchange.asmx'), basic('alice')))
  t.strictSame(identification.keys, [])
  t.equal((await identify(post(plain.replace(path, path.toUpperCase()), basic('alice')))).keys.length, 1)
  t.equal((await identify(post(plain.replace(path, `${path}X`), basic('alice')))).keys.length, 0)
})

t.test('a certificate names the user where nothing else does, and comes first', async (t) => {
  const target = `${path}?Cmd=Sync&DeviceId=A1`
  const identification = await identify({ ...post(target), connection: { clientCertificate: aCertificate } })
  t.equal(identification.user, 'alice@example.com')
  t.equal(identification.keys[0]?.binding, 'certificate')
})

t.test('a refusal never asks for a password, redirects or wipes', async (t) => {
  const cases: readonly (readonly [ReasonCode, number, string?])[] = [
    ['device.unregistered', 403],
    ['device.blocked', 403],
    ['device.noncompliant', 403],
    ['client.token-invalid', 403],
    ['client.ambiguous', 400],
    ['http.malformed', 400],
    ['device.posture-unknown', 503, '60'],
    ['state.unavailable', 503, '120'],
    ['upstream.unreachable', 503, '120'],
    ['connection.http1-required', 421],
  ]
  for (const [reason, status, retryAfter] of cases) {
    const answer = protocol.refuse(aHead(), aRefusal(reason))
    t.equal(answer.status, status, reason)
    t.equal(Object.fromEntries(answer.headers)['Retry-After'], retryAfter)
  }
  const text = protocol.refuse(aHead(), aRefusal('device.unregistered', { help: 'Join the VPN.' })).body
  t.equal(text, 'This device is not registered for this service. Join the VPN. Reference: q1w2e3r4\n')
})

t.test('a phone is sent to the registration address and back by 451', async (t) => {
  const redirect = {
    location: new URL('https://vpn.example.com:8443/x'),
    navigationUrl: '',
    refusal: aRefusal('device.redirected'),
  }
  const location = (answer: ReturnType<typeof protocol.redirect>) => [
    answer?.status,
    Object.fromEntries(answer?.headers ?? [])['X-MS-Location'],
  ]
  const there = protocol.redirect(aHead({ target: plain }), redirect)
  t.strictSame(location(there), [451, `https://vpn.example.com:8443${path}`])
  t.equal(protocol.redirect(aHead({ target: '/autodiscover/autodiscover.xml' }), redirect), undefined)
  const back = protocol.bringBack?.(aHead({ target: plain }), 'https://mail.example.com')
  t.strictSame(location(back), [451, `https://mail.example.com${path}`])
})
