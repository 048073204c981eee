/**
 * The attack: a rule refuses `/wiki/Special:Export`. `%3A` is a colon to every server, and a server that allows
 * parameters drops what follows a semicolon; but the policy looked at the client's spelling, so that
 * `/wiki/Special%3AExport` and `/wiki;x/Special:Export` went past the rule.
 */
import t from 'tap'
import { wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

const some = Array.from(
  { length: 12 },
  (_, i) => `  - { name: Closed ${i}, when: { path: /closed-${i} }, then: { refuse: Closed } }`,
)
const policy = `
networks: { office: [127.20.0.0/16] }
registration:
${some.join('\n')}
  - { name: No export, when: { path: ["/wiki/Special:Export", "/@admin"] }, then: { refuse: Not from here } }
  - { name: Office, when: { network: office }, then: allow }
access:
  - { name: Nobody, then: { refuse: No } }
`

t.test('a path is refused however it is spelled', async (t) => {
  const wiki = await upstreamServer(t, (_, response) => response.end('wiki'))
  const gateway = await gatewayUnderTest(t, {
    policy,
    services: `
  - { name: wiki, hosts: [wiki.localhost], upstream: ["${wiki.url}"], client: browser, signIn: { method: POST, path: /login, user: { form: u }, success: { status: [302] } } }
  - { name: java, hosts: [java.localhost], upstream: ["${wiki.url}"], client: browser, paths: { parameters: true, encodedSlash: true }, signIn: { method: POST, path: /login, user: { form: u }, success: { status: [302] } } }`,
  })
  const statusOf = async (host: string, path: string) =>
    (await ask({ port: gateway.plain, host, from: wifi, path })).status
  t.equal(await statusOf('wiki.localhost', '/wiki/Main%20Page'), 200)
  t.equal(wiki.requests.length, 1)
  for (const path of [
    '/wiki/Special:Export',
    '/wiki/Special%3AExport',
    '/WIKI/special%3aexport/x',
    '/%40admin',
  ]) {
    t.equal(await statusOf('wiki.localhost', path), 403, path)
  }
  for (const path of [
    '/wiki;x/Special:Export',
    '/wiki;x/Special%3AExport',
    '/wiki%2FSpecial:Export',
    '/@admin;a=b/x',
  ]) {
    t.equal(await statusOf('java.localhost', path), 403, path)
  }
  t.equal(wiki.requests.length, 1)
})
