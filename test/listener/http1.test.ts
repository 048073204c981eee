import t from 'tap'
import { answers, listenerUnderTest, oneAnswer, rawExchange, statusOf } from './support.ts'

t.test('an ordinary request becomes one head and gets its answer', async (t) => {
  const { port, heads } = await listenerUnderTest(t)
  const { received, closed } = await rawExchange(
    port,
    'POST /a?b HTTP/1.1\r\nHost: Mail.Example.com.:80\r\nContent-Length: 3\r\n\r\nabc',
    oneAnswer,
  )
  t.equal(statusOf(received), 200)
  t.match(received, /POST \/a abc$/)
  t.equal(closed, false, 'the connection stays open')
  t.match(heads, [{ host: 'mail.example.com', target: '/a?b', query: 'b', hasBody: true, scheme: 'http' }])
  t.match(heads[0]?.source, { address: '127.0.0.1', derivedFrom: 'peer' })
})

t.test('requests sent ahead are answered one after another and in order', async (t) => {
  const { port } = await listenerUnderTest(t)
  const requests = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`)
  const { received } = await rawExchange(port, requests.join(''), (text) => answers(text) === 3)
  t.match(received, /GET \/1 [\s\S]*GET \/2 [\s\S]*GET \/3 $/)
})
