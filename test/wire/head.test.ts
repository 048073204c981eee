import t from 'tap'
import { HeadParser, type HeadRules, type WireRequest } from '../../src/gateway/wire/head.ts'
import { strictPathRules } from '../../src/gateway/wire/path.ts'
import { limits } from '../listener/support.ts'

const source = { address: '203.0.113.7', derivedFrom: 'peer' as const, peer: '203.0.113.7' }
const context = { id: 'r1', receivedAt: 1, connection: { id: 1 }, derive: () => ({ source }) }

function parse(request: Partial<WireRequest>, rules: Partial<HeadRules> = {}) {
  const parser = new HeadParser({
    limits,
    pathRules: () => strictPathRules,
    upgrades: () => ['websocket', 'h2c', 'x-protocol'],
    pseudonym: 'gate',
    ...rules,
  })
  const defaults = {
    httpVersion: '1.1',
    method: 'GET',
    target: '/',
    scheme: 'https',
    rawHeaders: ['Host', 'a.example'],
  }
  return parser.parse({ ...defaults, ...request } as WireRequest, context)
}

const withFields = (...fields: string[]) => ({ rawHeaders: ['Host', 'a.example', ...fields] })
const http2 = (...rawHeaders: string[]) => ({
  httpVersion: '2',
  authority: 'a.example',
  rawHeaders,
  hasBody: false,
})

t.test('a request becomes one head', async (t) => {
  const parsed = parse({ target: 'https://A.example:443/x%41?y', ...withFields('X-Y', 'z') })
  t.match(parsed, {
    head: {
      host: 'a.example',
      authority: 'a.example',
      target: '/x%41?y',
      path: '/xA',
      query: 'y',
      hasBody: false,
      upgrade: undefined,
      source,
    },
  })
})

t.test('an empty query is another thing than none', async (t) => {
  t.match(parse({ target: '/?' }), { head: { query: '' } })
  t.match(parse({ target: '/' }), { head: { query: undefined } })
})

t.test('OPTIONS * asks the server', async (t) => {
  t.match(parse({ method: 'OPTIONS', target: '*' }), { serverWide: true })
})

t.test('lines of Cookie are one list', async (t) => {
  const parsed = parse(withFields('Cookie', 'a=1', 'X', 'y', 'cookie', 'b=2'))
  t.match(parsed, { head: { fields: { size: 3 } } })
  if ('head' in parsed) t.strictSame(parsed.head.fields.all('cookie'), ['a=1; b=2'])
})

t.test('names that servers fold into others go, unless the service allows them', async (t) => {
  const request = withFields('X_Device', '1', 'X.Device', '2', 'X-Device', '3')
  const strict = parse(request)
  const allowing = parse(request, { allowFields: () => ['x_device'] })
  if (!('head' in strict) || !('head' in allowing)) return t.fail('refused')
  t.strictSame([strict.head.fields.size, strict.head.fields.get('x-device')], [2, '3'])
  t.strictSame([allowing.head.fields.size, allowing.head.fields.get('x_device')], [3, '1'])
})

t.test('the rules for paths are those of the host', async (t) => {
  const pathRules = (host: string) => ({ ...strictPathRules, parameters: host === 'b.example' })
  const target = '/a;b'
  t.match(parse({ target }, { pathRules }), { refused: 'path.ambiguous' })
  t.match(parse({ target, rawHeaders: ['Host', 'b.example'] }, { pathRules }), {
    head: { decodedPath: '/a' },
  })
})

const refused: readonly (readonly [string, Partial<WireRequest>, string])[] = [
  ['a value with a control byte', withFields('X', 'a\x01'), 'http.field-value'],
  ['a value with DEL', withFields('X', 'a\x7f'), 'http.field-value'],
  ['a value that is no bytes', withFields('X', 'ā'), 'http.field-value'],
  ['a name with a space', withFields('X Y', 'a'), 'http.field-name'],
  ['an empty name', withFields('', 'a'), 'http.field-name'],
  ['a name of 129 bytes', withFields('x'.repeat(129), 'a'), 'http.field-name'],
  ['two Content-Types', withFields('Content-Type', 'a/b', 'content-type', 'a/b'), 'http.field-repeated'],
  ['two Authorizations', withFields('Authorization', 'a', 'Authorization', 'b'), 'http.field-repeated'],
  ['two Origins', withFields('Origin', 'a', 'Origin', 'a'), 'http.field-repeated'],
  ['Connection that names Cookie', withFields('Connection', 'Cookie'), 'http.connection'],
  [
    'Connection that names an identity field',
    withFields('Connection', 'close, X_Gatehouse_User'),
    'http.connection',
  ],
  [
    'Connection that names our forwarding fields',
    withFields('Connection', 'x-forwarded-for'),
    'http.connection',
  ],
  ['Connection that holds no token', withFields('Connection', 'a b'), 'http.connection'],
  [
    'a second Connection line counts too',
    withFields('Connection', 'close', 'Connection', 'authorization'),
    'http.connection',
  ],
  [
    'a request that came through here twice',
    withFields('Via', '1.1 gate, 1.1 other', 'Via', '2 gate'),
    'http.loop',
  ],
  [
    'several upgrades at once',
    withFields('Connection', 'upgrade', 'Upgrade', 'x-protocol, websocket'),
    'http.upgrade',
  ],
  ['a Host that is no host', { rawHeaders: ['Host', 'a b'] }, 'http.host'],
  ['a Host in the target alone', { target: 'http://a.example/', rawHeaders: [] }, 'http.host'],
  ['a backslash in the path', { target: '/a\\b' }, 'path.ambiguous'],
  ['CONNECT though it is listed', { method: 'CONNECT' }, 'http.method'],
  ['HTTP/2: upper case', http2('X-Y', 'a'), 'http.field-name'],
  ['HTTP/2: Connection', http2('connection', 'close'), 'http.connection'],
  ['HTTP/2: Upgrade', http2('upgrade', 'websocket'), 'http.connection'],
  ['HTTP/2: Keep-Alive', http2('keep-alive', '1'), 'http.connection'],
  ['HTTP/2: Transfer-Encoding', http2('transfer-encoding', 'chunked'), 'http.connection'],
  ['HTTP/2: TE beside trailers', http2('te', 'gzip'), 'http.connection'],
  ['HTTP/2: another Host than :authority', http2('host', 'b.example'), 'http.host'],
  ['HTTP/2: a pseudo-field among the fields', http2(':path', '/'), 'http.field-name'],
  ['HTTP/2: Content-Length without a body', http2('content-length', '5'), 'http.framing'],
  ['HTTP/2: a user in :authority', { ...http2(), authority: 'u@a.example' }, 'http.host'],
  ['HTTP/2: no authority at all', { httpVersion: '2', rawHeaders: [] }, 'http.host'],
]

for (const [title, request, reason] of refused) {
  t.test(`${title} is refused`, async (t) => {
    t.match(parse(request, { limits: { ...limits, methods: [...limits.methods, 'CONNECT'] } }), {
      refused: reason,
    })
  })
}

const accepted: readonly (readonly [string, Partial<WireRequest>, object])[] = [
  ['bytes above ASCII in a value', withFields('X', 'caf\xe9'), {}],
  ['HTTP/2: TE trailers', http2('te', 'trailers'), { httpVersion: '2' }],
  ['HTTP/2: a Host like :authority', http2('host', 'a.example'), { host: 'a.example' }],
  ['Via of others', withFields('Via', '1.1 other, 1.1 gate'), {}],
  ['an Upgrade that Connection does not name', withFields('Upgrade', 'websocket'), { upgrade: undefined }],
  [
    'h2c, which nobody can allow',
    withFields('Connection', 'Upgrade', 'Upgrade', 'h2c'),
    { upgrade: undefined },
  ],
  [
    'an upgrade by name',
    withFields('Connection', 'Upgrade', 'Upgrade', 'X-Protocol'),
    { upgrade: 'x-protocol' },
  ],
  [
    'a WebSocket handshake',
    withFields(
      'Connection',
      'keep-alive, Upgrade',
      'Upgrade',
      'WebSocket',
      'Sec-WebSocket-Version',
      '13',
      'Sec-WebSocket-Key',
      'dGhlIHNhbXBsZSBub25jZQ==',
    ),
    { upgrade: 'websocket' },
  ],
]

for (const [title, request, head] of accepted) {
  t.test(`${title} is accepted`, async (t) => {
    t.match(parse(request), { head })
  })
}
