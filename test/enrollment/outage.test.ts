import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issueCertificate } from '../../sim/certificates.ts'
import { startDirectory } from '../../sim/directory.ts'
import { certificates, temporaryFolder } from '../helpers/certificates.ts'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

t.test(
  'while the directory is away nobody signs in, everybody is told why, and it goes on by itself',
  async (t) => {
    const folder = temporaryFolder(t)
    const { ca } = await certificates(t)
    const server = await issueCertificate({
      ...{ commonName: 'dc.localhost', issuer: ca, use: 'server', dnsNames: ['dc.localhost'] },
      ...{ notBefore: Date.now() - 1000, days: 1, addresses: ['127.0.0.1'] },
    })
    const directory = await startDirectory({
      ...{ cert: server.certificate, key: server.key },
      entries: [
        { dn: 'cn=gatehouse', password: 'look-up-secret', attributes: {} },
        { dn: 'uid=anna,dc=example', password: 'sunrise-secret', attributes: { uid: ['anna'] } },
      ],
    })
    t.teardown(() => directory.close())
    const way = await startTcpProxy(
      t,
      { host: '127.0.0.1', port: Number(new URL(directory.url).port) },
      '127.0.0.1',
    )
    writeFileSync(join(folder, 'ca.crt'), ca.certificate)
    writeFileSync(join(folder, 'secret'), 'look-up-secret', { mode: 0o600 })
    const url = `ldaps://127.0.0.1:${way.port}`
    const { browser, gateway, store } = await enrollmentUnderTest(t, {
      enrollment: `signIn:
  codes: false
  ldap: { servers: ["${url}"], ca: [${folder}/ca.crt], bindDn: "cn=gatehouse", bindPassword: { file: ${folder}/secret }, searchBase: "dc=example", timeout: 1s }`,
    })
    const visitor = browser()
    const attempt = async (password: string) =>
      visitor.submit(await visitor.get('/enroll'), '/enroll/sign-in', { username: 'anna', password })

    for (const [fail, detail] of [
      [() => way.refuse(), /no directory server answers.*ECONNREFUSED/],
      [() => way.restore().then(() => way.hold()), /no directory server answers.*(timed? ?out)/i],
    ] as const) {
      await fail()
      const answer = await attempt('sunrise-secret')
      t.match(answer, { status: 503, body: /Signing in is not possible now/ })
      const id = /Reference: <code>(\w+)<\/code> \(sign-in\.unavailable\)/.exec(answer.body)?.[1]
      t.match(await eventually(() => gateway.log().find((line) => line.id === id)), {
        reason: 'sign-in.unavailable',
        detail,
      })
      t.match(await visitor.get('/enroll/profile'), { status: 403, body: /Sign in first/ })
      t.equal((await visitor.get('/enroll')).status, 200, 'the pages are there')
    }

    await way.restore()
    const wrong = await attempt('guess-secret')
    t.match(wrong, { status: 403, body: /User name or password is wrong/ })
    t.equal((await attempt('sunrise-secret')).status, 303)
    t.match((await visitor.get('/enroll')).body, /Signed in as <strong><bdi>anna/)
    const events = (await store.audit.list({ limit: 20 })).filter(
      ({ action }) => action === 'enrollment.signed-in',
    )
    t.equal(events.length, 1)
    t.notMatch(JSON.stringify(gateway.log()), /(sunrise|guess|look-up)-secret/, 'no password in the log')
  },
)
