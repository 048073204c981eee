import t from 'tap'
import { request } from 'undici'
import { relayUnderTest, upstreamServer } from './relay-under-test.ts'

t.test('an answer comes through with its status, headers and body', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => {
    response.writeHead(207, { 'content-type': 'text/xml', 'x-one': '1' })
    response.end('<multistatus/>')
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const answer = await request(new URL('/dav?x=%2F', gateway.url))
  t.equal(answer.statusCode, 207)
  t.match(answer.headers, { 'content-type': 'text/xml', 'x-one': '1' })
  t.equal(await answer.body.text(), '<multistatus/>')
  t.match(await gateway.next(), { status: 207, ended: 'completed', retries: 0, upstream: upstream.origin })
})
