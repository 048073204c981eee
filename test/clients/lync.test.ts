import { gzipSync } from 'node:zlib'
import t from 'tap'
import { clientKey } from '../../src/clients/client-key.ts'
import { lync } from '../../src/clients/lync.ts'
import type { ClientKey } from '../../src/domain/client-identity.ts'
import type { ReasonCode } from '../../src/domain/reason.ts'
import {
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  type GivenRequest,
  html,
} from './helpers/given.ts'
import { ntlmAuthenticate } from './helpers/ntlm.ts'

const ticket = `cwt=${'A'.repeat(40)}`
const ticketKey = clientKey('svc', 'claimed', 'lync', 'ticket', ticket)
const endpointKey = clientKey('svc', 'claimed', 'lync', 'endpoint', 'e-1', 'alice@example.com')
const grants = new Map([[ticketKey.hash, 'alice@example.com']])
const userOfGrant = (key: ClientKey) => grants.get(key.hash)
const protocol = lync(aService({ kind: 'lync' }), dependencies({ userOfGrant }))
const bearer = ['Authorization', `Bearer ${ticket}`] as const
const json = ['Content-Type', 'application/json'] as const
const xml = ['Content-Type', 'application/vnd.microsoft.com.ucwa+xml'] as const

const identify = async (given: GivenRequest) => protocol.identify(aRequest(given))
const asksTicket = (body: string, ...headers: (readonly [string, string])[]): GivenRequest => ({
  method: 'POST',
  target: '/WebTicket/oauthtoken',
  headers: [['Content-Type', 'application/x-www-form-urlencoded'], ...headers],
  body,
})
const creates = (body: string | Uint8Array, ...headers: (readonly [string, string])[]): GivenRequest => ({
  method: 'POST',
  target: '/ucwa/oauth/v1/applications',
  headers: [bearer, ...headers],
  body,
})

t.test('a ticket remembers the user who got it', async (t) => {
  const request = aRequest(asksTicket('grant_type=password&username=Alice%40example.com&password=x'))
  t.equal(protocol.readsBody(request.head), true)
  const identification = await protocol.identify(request)
  t.match(identification, { user: 'alice@example.com', keys: [], signIn: true })
  t.equal(protocol.readsAnswer(request, identification, anAnswer(200)), true)
  const given = { access_token: ticket, token_type: 'Bearer', expires_in: 3600 }
  t.strictSame(protocol.observe(request, identification, anAnswer(200, [], given)), {
    grants: [{ ...ticketKey, expiresAt: 1_800_003_600_000 }],
    grantedTo: 'alice@example.com',
  })
  t.strictSame(protocol.observe(request, identification, anAnswer(400, [], given)), {})
  const envelope = `<s:Envelope><t>${ticket}</t></s:Envelope>`
  t.match(protocol.observe(request, identification, anAnswer(200, [], envelope)), {
    grantedTo: 'alice@example.com',
  })
  t.strictSame(protocol.observe(request, identification, anAnswer(200, [], `${ticket} ${ticket}`)), {})
})

t.test('NTLM names the holder of a ticket and signs the connection in', async (t) => {
  const header = ['Authorization', `NTLM ${ntlmAuthenticate('CORP', 'Alice').toString('base64')}`] as const
  const request = aRequest(asksTicket('grant_type=urn:microsoft.rtc:windows', header))
  const identification = await protocol.identify(request)
  t.match(identification, { user: 'corp\\alice', signIn: true })
  t.match(protocol.observe(request, identification, anAnswer(200, [], { access_token: ticket })), {
    connectionUser: 'corp\\alice',
    grantedTo: 'corp\\alice',
  })
  t.strictSame(protocol.observe(request, identification, anAnswer(401)), {})
  t.match(await identify(asksTicket('username=bob', header)), { refuse: 'client.user-mismatch' })
  t.match(await identify(asksTicket('username=a&UserName=b')), { refuse: 'client.ambiguous' })
  const guest = await identify(asksTicket('grant_type=urn:microsoft.rtc:anonmeeting'))
  t.match(guest, { keys: [], signIn: false })
})

t.test('the application names the endpoint, its ticket the user; together they are registered', async (t) => {
  const bodies: readonly GivenRequest[] = [
    creates('{"userAgent":"x","endpointId":"E-1","culture":"en-US","type":"Phone"}', json),
    creates('{"EndpointId":"e-1"}', json),
    creates(
      '<input xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa"><property name="culture">de</property><property name="endpointId">E-1</property></input>',
      xml,
    ),
    creates(gzipSync('{"endpointId":"E-1"}'), json, ['Content-Encoding', 'gzip']),
  ]
  for (const given of bodies) {
    const request = aRequest(given)
    const identification = await protocol.identify(request)
    t.match(identification, { user: 'alice@example.com', keys: [endpointKey, ticketKey], signIn: true })
    t.strictSame(protocol.observe(request, identification, anAnswer(201)), {
      accepted: {
        user: 'alice@example.com',
        keys: [endpointKey],
        claimedId: identification.device.claimedId,
      },
      grants: [{ ...ticketKey, expiresAt: 1_800_000_000_000 + 8 * 3_600_000 }],
    })
    t.strictSame(protocol.observe(request, identification, anAnswer(403)), {})
  }
})

t.test('a ticket that is no longer only a grant names the client by itself', async (t) => {
  const other = `cwt=${'B'.repeat(40)}`
  const key = clientKey('svc', 'claimed', 'lync', 'ticket', other)
  const headers = [['Authorization', `Bearer ${other}`], json] as const
  const identification = await identify({ ...creates('{"endpointId":"e-1"}'), headers })
  t.match(identification, { keys: [key], signIn: false })
  t.strictSame((await identify({ target: '/ucwa/x/events', headers: [['X-MS-WebTicket', other]] })).keys, [
    key,
  ])
  t.strictSame((await identify({ target: '/ucwa/x/events' })).keys, [])
  const two = await identify({ target: '/ucwa/x', headers: [bearer, ['X-MS-WebTicket', other]] })
  t.match(two, { refuse: 'client.ambiguous' })
})

t.test('an application that could name two endpoints is refused', async (t) => {
  const cases: readonly (readonly [GivenRequest, ReasonCode])[] = [
    [creates('{"endpointId":"a","EndpointId":"b"}', json), 'client.ambiguous'],
    [creates('{"endpointId":"a","endpointId":"b"}', json), 'http.malformed'],
    [creates('{}', json), 'http.malformed'],
    [creates(`{"endpointId":"${'x'.repeat(101)}"}`, json), 'http.malformed'],
    [creates('{"endpointId":"a\\u0000"}', json), 'http.malformed'],
    [
      creates('<i><property name="endpointId">a</property><property name="EndpointId">b</property></i>', xml),
      'client.ambiguous',
    ],
    [
      creates(
        '<i><property name="endpointId">a</property><property name=\'endpointId\'>b</property></i>',
        xml,
      ),
      'client.ambiguous',
    ],
    [creates('<!DOCTYPE x><i><property name="endpointId">a</property></i>', xml), 'http.malformed'],
    [
      creates(
        '<i><property name="endpointId">a</property><property name="endpoint&#73;d">b</property></i>',
        xml,
      ),
      'http.malformed',
    ],
    [creates('<?xml version="1.0" encoding="utf-16"?><i/>', xml), 'http.malformed'],
    [creates(gzipSync(Buffer.alloc(1 << 20, 0x20)), json, ['Content-Encoding', 'gzip']), 'http.malformed'],
    [creates('x', json, ['Content-Encoding', 'br']), 'client.ambiguous'],
  ]
  for (const [given, reason] of cases)
    t.match(await identify(given), { refuse: reason, keys: [] }, JSON.stringify(given.body).slice(0, 60))
})

t.test('discovery is pointed to the registration address, and back', async (t) => {
  const redirect = {
    location: new URL('https://vpn.example.com'),
    navigationUrl: 'https://vpn.example.com/r',
    refusal: aRefusal('device.redirected'),
  }
  const discovery: GivenRequest = {
    target: '/?sipuri=sip:alice@example.com',
    host: 'lyncdiscover.example.com',
  }
  const href =
    'https://vpn.example.com/Autodiscover/AutodiscoverService.svc/root?sipuri=sip:alice@example.com'
  const answer = protocol.redirect(aHead(discovery), redirect)
  t.equal(answer?.status, 200)
  t.strictSame(JSON.parse(String(answer?.body)), { _links: { redirect: { href } } })
  const accept = [['Accept', 'application/vnd.microsoft.rtc.autodiscover+xml;v=1']] as const
  const inXml = protocol.redirect(aHead({ ...discovery, headers: accept }), redirect)
  t.match(String(inXml?.body), `<Link token="Redirect" href="${href}"/>`)
  t.match(
    String(protocol.bringBack?.(aHead(discovery), 'https://sfb.example.com')?.body),
    'https://sfb.example.com/Auto',
  )
  t.equal(protocol.redirect(aHead(creates('{}')), redirect), undefined)
  t.equal(protocol.redirect(aHead({ target: '/meet/alice', headers: html }), redirect)?.status, 302)
})

t.test('a refusal is a reason in the client’s own format', async (t) => {
  const refused = (reason: ReasonCode, given: GivenRequest = { target: '/ucwa/x' }) =>
    protocol.refuse(aHead(given), aRefusal(reason, { help: 'See https://help.example.com/vpn <now>' }))
  t.match(refused('device.unregistered'), {
    status: 403,
    body: /"code":"Forbidden".*"href":"https:\/\/help.example.com\/vpn"/,
  })
  t.match(refused('device.noncompliant'), { status: 403, body: /MobileApplicationNoLongerAllowed/ })
  t.match(refused('device.blocked'), { status: 410 })
  t.match(refused('client.token-invalid'), { status: 403 })
  t.match(Object.fromEntries(refused('device.posture-unknown').headers), { 'Retry-After': '60' })
  t.match(Object.fromEntries(refused('state.unavailable').headers), { 'Retry-After': '120' })
  const xmlAnswer = refused('device.unregistered', {
    target: '/ucwa/x',
    headers: [['Accept', 'application/xml']],
  })
  t.match(xmlAnswer.body, /<code>Forbidden<\/code>.*&lt;now&gt;.*<\/reason>$/)
})
