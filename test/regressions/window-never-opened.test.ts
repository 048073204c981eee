/**
 * The attack: over HTTP/2 with a flow-control window of nothing, ask for what is refused. Each refusal waited for ever
 * for the client to take it, a hundred on each connection, and a connection with an answer under way is never idle.
 */
import { once } from 'node:events'
import { connect } from 'node:http2'
import t from 'tap'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'

t.test('a refusal that its client does not take is given up', async (t) => {
  const gateway = await gatewayUnderTest(t, {
    services: '  - { name: mail, hosts: [localhost], upstream: ["http://127.0.0.1:9"], client: activesync }',
    settings: 'limits: { answerTimeout: 200ms, drainFor: 1s }',
  })
  const settings = { initialWindowSize: 0 }
  const session = connect(`https://localhost:${gateway.tls}`, { ca: gateway.ca, settings })
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 403)
  const bound = setTimeout(() => session.destroy(), 60_000)
  await new Promise((resolve) => stream.once('close', resolve))
  clearTimeout(bound)
  t.notOk(session.destroyed, 'the gateway ended it')
})
