import t from 'tap'
import {
  challengesConnection,
  clientHeaders,
  clientTrailers,
  isConnectionScheme,
} from '../../src/gateway/relay/response-headers.ts'

t.test('hop-by-hop fields and those that Connection names stay behind', async (t) => {
  const left = clientHeaders(
    {
      connection: 'close, X-Hop',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      'proxy-authenticate': 'Basic',
      upgrade: 'h2c',
      'content-length': '3',
      etag: '"x"',
    },
    200,
  )
  t.strictSame(left, ['content-length', '3', 'etag', '"x"'])
})

t.test('an upstream cannot set our cookies', async (t) => {
  const sent = [
    'a=1; Path=/',
    '__Host-gatehouse-device=planted; Path=/',
    ' gatehouse-way = x',
    'b=gatehouse-; Path=/',
  ]
  t.strictSame(clientHeaders({ 'set-cookie': sent }, 200), [
    'set-cookie',
    'a=1; Path=/',
    'set-cookie',
    'b=gatehouse-; Path=/',
  ])
})

t.test('204 has no Content-Length; HEAD and 304 keep it', async (t) => {
  t.strictSame(clientHeaders({ 'content-length': '0' }, 204), [])
  t.strictSame(clientHeaders({ 'content-length': '9' }, 304), ['content-length', '9'])
})

t.test('trailers pass without framing, routing, credentials, cookies and identity', async (t) => {
  const left = clientTrailers({
    'x-sum': 'abc',
    'content-length': '1',
    host: 'x',
    authorization: 'Basic x',
    'set-cookie': ['a=1'],
    'gatehouse-user': 'x',
    'x-forwarded-for': 'x',
    'transfer-encoding': 'chunked',
  })
  t.strictSame(left, ['x-sum', 'abc'])
  t.equal(clientTrailers({}), undefined)
})

t.test('challenges that sign a connection in are recognised among others', async (t) => {
  t.ok(challengesConnection({ 'www-authenticate': 'Negotiate' }))
  t.ok(challengesConnection({ 'www-authenticate': 'Basic realm="x", NTLM' }))
  t.ok(challengesConnection({ 'www-authenticate': ['Basic realm="x"', 'ntlm TlRMTVNT'] as never }))
  t.notOk(challengesConnection({ 'www-authenticate': 'Basic realm="NTLM"' }))
  t.notOk(challengesConnection({}))
  t.ok(isConnectionScheme('NTLM TlRMTVNTUAAB'))
  t.notOk(isConnectionScheme('Negotiated x'))
  t.notOk(isConnectionScheme('Bearer NTLM'))
})
