import t from 'tap'
import { FieldList, type RequestHead } from '../../src/domain/request-head.ts'
import { RequestHeaders } from '../../src/gateway/relay/request-headers.ts'

const source = { address: '203.0.113.9', derivedFrom: 'peer', peer: '203.0.113.9' } as const

function headWith(fields: readonly [string, string][], overrides: Partial<RequestHead> = {}): RequestHead {
  return {
    id: 'x',
    receivedAt: 0,
    httpVersion: '1.1',
    method: 'POST',
    scheme: 'https',
    host: 'mail.example.com',
    authority: 'mail.example.com',
    target: '/',
    path: '/',
    decodedPath: '/',
    query: undefined,
    fields: new FieldList(
      fields.map(([name]) => name),
      fields.map(([, value]) => value),
    ),
    hasBody: true,
    source,
    connection: { id: 1 },
    ...overrides,
  }
}

function rewritten(
  fields: readonly [string, string][],
  options: {
    head?: Partial<RequestHead>
    allowFields?: string[]
    hostHeader?: 'client' | 'upstream'
    addFields?: string[]
    streamsBody?: boolean
  } = {},
): [string, string][] {
  const { allowFields = [], hostHeader = 'client', addFields = [], streamsBody = false } = options
  const flat = new RequestHeaders({ allowFields, hostHeader }).rewrite({
    head: headWith(fields, options.head),
    upstream: new URL('https://exchange-1.internal:8443'),
    addFields,
    streamsBody,
  })
  const pairs: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return pairs
}

const ours = new Set([
  'host',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
  'via',
])

/** What is left of the client's own fields. */
function passed(fields: readonly [string, string][], options?: Parameters<typeof rewritten>[1]) {
  return rewritten(fields, options).filter(([name]) => !ours.has(name))
}

t.test('fields of the client keep their order, repetition and bytes', async (t) => {
  const fields: [string, string][] = [
    ['accept', 'text/html;q=0.9,  */*'],
    ['x-list', 'a'],
    ['user-agent', 'Mail\xe9/1.0'],
    ['x-list', 'b'],
    ['authorization', 'Basic dTpw'],
  ]
  t.strictSame(passed(fields), fields)
})

t.test('hop-by-hop fields and those that Connection names stay behind', async (t) => {
  const left = passed([
    ['connection', 'keep-alive, X-Hop , close'],
    ['x-hop', '1'],
    ['keep-alive', 'timeout=5'],
    ['proxy-connection', 'keep-alive'],
    ['proxy-authorization', 'Basic x'],
    ['te', 'trailers'],
    ['trailer', 'x-sum'],
    ['transfer-encoding', 'chunked'],
    ['upgrade', 'websocket'],
    ['http2-settings', 'AAMAAABk'],
    ['expect', '100-continue'],
    ['content-length', '3'],
    ['proxy', 'http://evil.example'],
    ['accept', '*/*'],
  ])
  t.strictSame(left, [['accept', '*/*']])
})

t.test('a client cannot have our own fields removed by naming them in Connection', async (t) => {
  const all = rewritten([['connection', 'x-forwarded-for, gatehouse-user']], {
    addFields: ['gatehouse-user', 'anna'],
  })
  t.match(Object.fromEntries(all), { 'x-forwarded-for': '203.0.113.9', 'gatehouse-user': 'anna' })
})

t.test('forwarding fields are rebuilt, whatever the client says', async (t) => {
  const claims = [
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-prefix',
    'x-forwarded-client-cert',
    'x-forwarded-tls-client-cert',
    'x-original-url',
    'x-original-host',
    'forwarded',
    'x-real-ip',
    'true-client-ip',
    'x-client-ip',
    'x-rewrite-url',
    'x-http-method-override',
    'x--forwarded-for',
  ]
  const all = rewritten(claims.map((name) => [name, '10.20.0.5']))
  t.strictSame(all, [
    ['host', 'mail.example.com'],
    ['x-forwarded-for', '203.0.113.9'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'mail.example.com'],
    ['x-forwarded-port', '443'],
    ['forwarded', 'for=203.0.113.9;host=mail.example.com;proto=https'],
    ['via', '1.1 gatehouse'],
  ])
})

t.test('Forwarded quotes IPv6 addresses and ports (RFC 7239 section 4)', async (t) => {
  const address = '2001:db8::1'
  const all = Object.fromEntries(
    rewritten([], {
      head: { authority: '[2001:db8::2]:8443', source: { address, derivedFrom: 'peer', peer: address } },
    }),
  )
  t.match(all, {
    forwarded: 'for="[2001:db8::1]";host="[2001:db8::2]:8443";proto=https',
    'x-forwarded-for': '2001:db8::1',
    'x-forwarded-port': '8443',
  })
})

t.test('identity fields never come from outside, in whatever spelling', async (t) => {
  const forged = [
    'gatehouse-user',
    'x-gatehouse-device',
    'gatehouse_user',
    'x_gatehouse_device',
    'gatehouse.user',
    'x-_gatehouse-user',
    'x--gatehouse--user',
    'client-cert',
    'client-cert-chain',
    'ssl-client-verify',
    'ssl_client_verify',
    'x-ssl-client-cert',
    'x-client-cert',
    'x-client-cert-dn',
  ]
  t.strictSame(passed(forged.map((name) => [name, 'admin'])), [])
  t.strictSame(
    passed(
      forged.map((name) => [name, 'admin']),
      { allowFields: forged },
    ),
    [],
  )
})

t.test('names that application servers fold are dropped unless the service allows them', async (t) => {
  const fields: [string, string][] = [
    ['x_odd', '1'],
    ['x.odd', '2'],
    ['x_wanted', '3'],
  ]
  t.strictSame(passed(fields), [])
  t.strictSame(passed(fields, { allowFields: ['x_wanted'] }), [['x_wanted', '3']])
})

t.test('our cookies stay behind, the others keep their bytes', async (t) => {
  const cookies: [string, string | undefined][] = [
    ['a=1;  b="x; y" ;c', 'a=1;  b="x; y" ;c'],
    ['__Host-gatehouse-device=s3cret; a=1;  b=2', 'a=1;  b=2'],
    ['a=1; gatehouse-way=x; b=2', 'a=1; b=2'],
    ['a=1; __Host-gatehouse-device=s3cret', 'a=1'],
    ['__Host-gatehouse-device=s3cret', undefined],
    ['a=gatehouse-x', 'a=gatehouse-x'],
  ]
  for (const [sent, left] of cookies) {
    t.strictSame(passed([['cookie', sent]]), left === undefined ? [] : [['cookie', left]], sent)
  }
})

t.test('Cookie fields that HTTP/2 has split are joined into one', async (t) => {
  const fields: [string, string][] = [
    ['cookie', 'a=1'],
    ['accept', '*/*'],
    ['cookie', '__Host-gatehouse-device=x'],
    ['cookie', 'b=2'],
  ]
  t.strictSame(passed(fields), [
    ['cookie', 'a=1; b=2'],
    ['accept', '*/*'],
  ])
})

t.test('Host is what the client asked for, or the upstream’s own name', async (t) => {
  t.strictSame(rewritten([['host', 'other.example']])[0], ['host', 'mail.example.com'])
  t.strictSame(rewritten([], { hostHeader: 'upstream' })[0], ['host', 'exchange-1.internal:8443'])
})

t.test('Content-Length goes with a body that is streamed', async (t) => {
  const fields: [string, string][] = [['content-length', '17']]
  t.strictSame(passed(fields, { streamsBody: true }), fields)
  t.strictSame(passed(fields, { streamsBody: false }), [])
})
