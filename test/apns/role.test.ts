import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { SimulatedApns } from '../../sim/apns.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { apnsFiles, type RoleSetup, startRole } from './role-support.ts'
import { apnsUnderTest, enroller, pushCertificate, type ScriptedAnswer } from './support.ts'

const day = 86_400_000

async function setting(t: Test, { days = 90, streams = 100 } = {}) {
  const folder = temporaryFolder(t)
  const { apns, ca } = await apnsUnderTest(t, { streams })
  const { certificate, key } = await pushCertificate(undefined, days)
  const location: StoreLocation = { kind: 'sqlite', path: join(folder, 'record.db') }
  const settings = apnsFiles(folder, { origin: apns.origin, ca, certificate: certificate + key })
  const setup = (holder: string): RoleSetup => ({ location, settings, holder, log: join(folder, 'log') })
  const store = await openStore(location, { now: Date.now })
  t.teardown(() => store.close())
  const enrol = enroller(store, { now: Date.now() - day })
  const came = (token: string) => apns.pushes.filter((push) => push.token === token).length
  return { folder, apns, settings, setup, store, enrol, came }
}

function pushProcess(t: Test, setup: RoleSetup) {
  const file = fileURLToPath(new URL('push-process.ts', import.meta.url))
  const child = spawn(process.execPath, [file, JSON.stringify(setup)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return {
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

t.test(
  'a process that is killed while it pushes loses none: another takes over, and hardly any push is made twice',
  async (t) => {
    const { apns, setup, store, enrol, came } = await setting(t, { streams: 5 })
    const tokens: string[] = []
    for (let index = 0; index < 60; index++) {
      tokens.push(await enrol(`phone-${index}`))
      await store.pushOutbox.wantPush(`phone-${index}`, Date.now())
    }
    apns.onPush(() => apns.pushes.length === 20 && apns.hold(true))
    const first = pushProcess(t, setup('first'))
    await eventually(() => apns.pushes.length >= 20 && apns.requests > apns.pushes.length)
    await first.kill()
    t.ok(apns.pushes.length < 60, 'it had more to do')
    apns.hold(false)
    pushProcess(t, setup('second'))
    await eventually(() => tokens.every((token) => came(token) > 0))
    for (const token of tokens) t.ok(came(token) <= 2)
  },
)

t.test(
  'a renewed certificate is taken from its file while pushes are under way, and none is lost',
  async (t) => {
    const { folder, apns, settings, setup, store, enrol, came } = await setting(t)
    const tokens: string[] = []
    for (let index = 0; index < 30; index++) tokens.push(await enrol(`phone-${index}`))
    const role = await startRole(setup('one'))
    t.teardown(role.close)
    const held = Promise.withResolvers<ScriptedAnswer>()
    apns.decide(() => held.promise)
    for (let index = 0; index < 15; index++) await store.pushOutbox.wantPush(`phone-${index}`, Date.now())
    await eventually(() => apns.requests >= 15)
    const renewed = await pushCertificate()
    // Longer than the one before, so that the file's size says so whatever its times are.
    writeFileSync(join(folder, 'new.pem'), `${renewed.certificate}${renewed.key}\n`)
    renameSync(join(folder, 'new.pem'), settings.certificate)
    await eventually(() => readFileSync(join(folder, 'log'), 'utf8').includes('push certificate reloaded'))
    held.resolve({ status: 200 })
    for (let index = 15; index < 30; index++) await store.pushOutbox.wantPush(`phone-${index}`, Date.now())
    await eventually(() => tokens.every((token) => came(token) > 0))
    const { fingerprint256 } = new X509Certificate(renewed.certificate)
    await eventually(() => apns.pushes.some(({ certificate }) => certificate === fingerprint256))
    const early = apns.pushes.filter(({ token }) => tokens.indexOf(token) < 15)
    t.ok(
      early.every(({ certificate }) => certificate !== fingerprint256),
      'those under way were answered where they were',
    )
    for (const token of tokens) t.equal(came(token), 1)
  },
)

t.test(
  'files of the certificate that cannot even be looked at end nothing; right ones count again',
  async (t) => {
    const { folder, settings, setup, store, enrol, came } = await setting(t)
    const token = await enrol('phone')
    const role = await startRole(setup('one'))
    t.teardown(role.close)
    const condition = () => role.health.report().parts['push certificate']
    await eventually(() => condition()?.ok === true)
    const good = readFileSync(settings.certificate)
    const put = (make: (path: string) => void) => {
      make(join(folder, 'new.pem'))
      renameSync(join(folder, 'new.pem'), settings.certificate)
    }
    put((path) => symlinkSync('push.pem', path))
    await eventually(() => condition()?.ok === false, 20_000)
    t.match(condition()?.detail, /push\.pem cannot be read/)
    const torn = good.toString().replace(/(BEGIN CERTIFICATE-----\n).+\n/, '$1')
    put((path) => writeFileSync(path, torn))
    await eventually(() => /holds no certificate that can be read/.test(condition()?.detail ?? ''), 20_000)
    await store.pushOutbox.wantPush('phone', Date.now())
    await eventually(() => came(token) === 1)
    put((path) => writeFileSync(path, good))
    await eventually(() => condition()?.ok === true, 20_000)
  },
)

t.test(
  'a certificate that ends within a month is a condition, a metric and a line in the log a day',
  async (t) => {
    const { folder, setup } = await setting(t)
    const clock = { now: Date.now() }
    const role = await startRole(setup('one'), () => clock.now)
    t.teardown(role.close)
    const condition = () => role.health.report().parts['push certificate']
    await eventually(() => condition()?.ok === true)
    const end = (await role.metrics.pushCertificateEnd.get()).values[0]?.value ?? 0
    t.ok(end * 1000 > clock.now + 80 * day)
    clock.now = end * 1000 - 29.5 * day
    await eventually(() => condition()?.ok === false)
    t.match(condition()?.detail, /ends in 29 days: renew it, with the same Apple account/)
    t.ok(role.health.report().ready, 'the gateway itself goes on')
    await eventually(() => readFileSync(join(folder, 'log'), 'utf8').includes('"days":29'))
  },
)

t.test('a device that has checked out is called no more, even when its push was wanted before', async (t) => {
  const { setup, store, enrol, came } = await setting(t)
  const gone = await enrol('gone')
  const here = await enrol('here')
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  for (const id of ['gone', 'here']) await store.pushOutbox.wantPush(id, Date.now())
  await store.enrollments.end('gone', 'gone', by)
  const role = await startRole(setup('one'))
  t.teardown(role.close)
  await eventually(() => came(here) === 1)
  await eventually(async () => (await store.pushOutbox.get('gone')) === undefined)
  t.equal(came(gone), 0)
})

for (const [what, refuse] of [
  [
    'the answer BadCertificateEnvironment',
    (apns: SimulatedApns) => apns.answer({ status: 403, reason: 'BadCertificateEnvironment' }, 5),
  ],
  [
    'a GOAWAY with BadCertificate',
    (apns: SimulatedApns) => {
      apns.decide(() => {
        apns.goaway('BadCertificate')
        return 'silent'
      })
    },
  ],
] as const)
  t.test(`${what} is on /readyz, pushing stops, and the gateway stays ready`, async (t) => {
    const { apns, setup, store, enrol } = await setting(t)
    for (let index = 0; index < 5; index++) await enrol(`phone-${index}`)
    refuse(apns)
    const role = await startRole(setup('one'))
    t.teardown(role.close)
    for (let index = 0; index < 5; index++) await store.pushOutbox.wantPush(`phone-${index}`, Date.now())
    const condition = () => role.health.report().parts.apns
    await eventually(() => condition()?.ok === false)
    t.match(condition()?.detail, /Apple refuses every push: .*BadCertificate/)
    t.ok(role.health.report().ready)
    await eventually(async () => (await store.pushOutbox.get('phone-0'))?.failures !== 0)
    t.equal(await store.pushOutbox.size(), 5, 'all are wanted still')
    for (let index = 0; index < 5; index++) t.ok(await store.enrollments.pushTarget(`phone-${index}`))
  })
