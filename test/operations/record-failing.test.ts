import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy, type GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'
import { readiness, readMetric } from './support.ts'

/** Another program holds the record's write lock until `release`. */
function lockedForWriting(t: Test, gateway: GatewayUnderTest) {
  const database = new DatabaseSync(join(gateway.folder, 'record.db'), { timeout: 5_000 })
  database.exec('begin immediate')
  const release = () => {
    if (database.isOpen) database.close()
  }
  t.teardown(release)
  return { release }
}

/** The disk no longer gives the record’s pages until `mend`. */
async function unreadable(t: Test, gateway: GatewayUnderTest) {
  // A write makes every open connection look for its pages anew.
  const store = await gateway.openStore()
  await store.audit.append({
    at: Date.now(),
    action: 'policy.loaded',
    actor: 'test',
    subject: 'policy',
    details: {},
  })
  const files = ['record.db', 'record.db-wal'].map((name) => join(gateway.folder, name))
  const contents = files.map((file) => readFileSync(file))
  for (const file of files) truncateSync(file)
  const mend = () => {
    for (const [index, file] of files.entries()) writeFileSync(file, contents[index] ?? '')
  }
  t.teardown(mend)
  return { mend }
}

t.test(
  'a sign-in that cannot be stored gives its client nothing: 503, and the service’s session stays here',
  async (t) => {
    const { service, gateway, target } = await chatBehindGateway(t)
    const known = (await signIn(gateway, wifi, { user: 'bob' })).cookies.join('; ')
    const before = await (await gateway.openStore()).registrations.list({ limit: 10 })
    const { release } = lockedForWriting(t, gateway)

    const [refused] = await Promise.all([signIn(gateway, wifi), signIn(gateway, wifi), signIn(gateway, wifi)])
    t.equal(service.requests.at(-1)?.target, '/login', 'the service has accepted it')
    t.equal(refused.status, 503)
    t.match(refused.body, 'registration.failed')
    t.match(refused.headers['retry-after'], /^\d+$/)
    t.strictSame(refused.cookies, [])
    const { management } = gateway.running
    await eventually(async () => (await readiness(management)).parts.record?.ok === false)
    t.match(await readiness(management), { status: 200, parts: { record: { ok: false, detail: /locked/ } } })
    t.equal(await readMetric(management, 'gatehouse_registration_failures_total{service="chat"}'), 3)
    const goesOn = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie: known } })
    t.equal(goesOn.status, 200, 'a known device does not notice')

    release()
    t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 10 }), before)
    await eventually(async () =>
      (await signIn(gateway, wifi)).cookies.some((cookie) => cookie.includes('gatehouse-device')),
    )
    await eventually(async () => (await readiness(management)).parts.record?.ok)
  },
)

t.test(
  'while the record cannot be read, known devices go on for staleFor, and everybody else is told to come back',
  async (t) => {
    let ahead = 0
    const { gateway, target } = await chatBehindGateway(t, {
      policy: `${evaluationLikePolicy}limits: { staleFor: 10m }\n`,
      monotonic: () => performance.now() + ahead,
    })
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    const api = (held: string) =>
      ask({ ...target, from: internet, path: '/api/messages', headers: { cookie: held } })
    t.equal((await api(cookie)).status, 200)
    const { mend } = await unreadable(t, gateway)
    const { management } = gateway.running
    await eventually(async () => (await readiness(management)).parts.record?.ok === false)
    t.match(await readiness(management), { status: 503, parts: { record: { ok: false, detail: /SQLite/ } } })

    t.equal((await api(cookie)).status, 200, 'known a moment ago')
    const stranger = await api(`__Host-gatehouse-device=${'A'.repeat(43)}`)
    t.equal(stranger.status, 503)
    t.match(stranger.body, 'state.unavailable')
    t.match(stranger.headers['retry-after'], /^\d+$/)
    const page = await ask({
      ...target,
      from: internet,
      headers: { ...navigation, cookie: 'a=b; __Host-gatehouse-device=' },
    })
    t.not(page.status, 200)

    ahead = 11 * 60_000
    t.equal((await api(cookie)).status, 503, 'known too long ago')
    ahead = 0
    mend()
    await eventually(async () => (await api(cookie)).status === 200)
    await eventually(async () => (await readiness(management)).status === 200)
    t.equal((await api(`__Host-gatehouse-device=${'A'.repeat(43)}`)).status, 403)
  },
)
