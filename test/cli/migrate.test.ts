import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { openStore } from '../../src/store/open.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { admin, key, registration } from '../store/contract/values.ts'
import { installation, json, plainSettings } from './support.ts'

const password = 'of-the-test'
const server = await postgresServer(t, { password })

/** Settings that name a fresh PostgreSQL database, beside a record in a file. */
async function onPostgres(t: Test) {
  const location = await server.createLocation()
  const url = `postgres://${location.user}@${location.host}:${location.port}/${location.database}`
  const settings = plainSettings.replace(
    'store: sqlite:record.db',
    `store: { url: "${url}", password: { file: database-password } }`,
  )
  const one = installation(t, { settings })
  const passwordFile = join(one.folder, 'database-password')
  writeFileSync(passwordFile, `${password}\n`)
  chmodSync(passwordFile, 0o600)
  return { ...one, url, location, passwordFile }
}

t.test('an installation is moved into the PostgreSQL of the settings, and used there', async (t) => {
  const { gatehouse, openStore: openFile, recordFile } = await onPostgres(t)
  const file = await openFile()
  await file.registrations.register(registration('r_1'), [key('a')], 10)
  await file.registrations.block('r_1', admin)
  await file.close()
  t.equal((await gatehouse('migrate', '--status')).code, 1)
  const moved = await gatehouse('migrate', '--from', `sqlite:${recordFile}`)
  t.equal(moved.code, 0, moved.stderr)
  t.match(moved.stdout, /copying registrations: 100% \(1 of 1\)/)
  t.match(moved.stdout, /comparing audit: 100%/)
  t.match(moved.stdout, /Moved and compared: \d+ rows in \d+ tables\./)
  t.equal((await gatehouse('migrate', '--status')).code, 0)
  t.match(json(await gatehouse('device', 'list', '--json')), { devices: [{ registration: { id: 'r_1' } }] })
  const unblocked = await gatehouse('device', 'unblock', 'r_1', '--why', 'found')
  t.equal(unblocked.code, 0, unblocked.stderr)
  const again = await gatehouse('migrate', '--from', `sqlite:${recordFile}`)
  t.equal(again.code, 1)
  t.match(again.stderr, /holds an installation already: take an empty database/)
})

t.test('a database on the command line takes its password from a file or the environment', async (t) => {
  const { url, location, passwordFile } = await onPostgres(t)
  const other = installation(t)
  const file = await other.openStore()
  await file.registrations.register(registration('r_1'), [key('a')], 10)
  await file.close()
  const without = await other.gatehouse('migrate', '--to', url)
  t.match([without.code, without.stderr], [1, /\(credentials\)/])
  const moved = await other.gatehouse('migrate', '--json', '--to', url, '--password-file', passwordFile)
  t.equal(moved.code, 0, moved.stderr)
  t.match(json(moved), { from: other.recordFile, to: url, resumed: 0 })
  const store = await openStore(location, { now: Date.now })
  t.teardown(() => store.close())
  t.ok(await store.registrations.get('r_1'))
})

t.test('what is written wrongly is told, and a password not repeated', async (t) => {
  const { here } = installation(t)
  const secret = await here('migrate', '--to', 'postgres://g:hunter2@db/record')
  t.match([secret.code, secret.stderr], [2, /--to has a password in it/])
  t.notMatch(secret.stderr, 'hunter2')
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--to', 'record.db'], /--to must be sqlite: and the path/],
    [['--from', 'postgres://a@b/c', '--to', 'postgres://a@b/d'], /Both are PostgreSQL/],
    [['--to', 'sqlite:x.db', '--password-env', 'X'], /belong to a postgres:\/\/ address/],
    [['--to', 'postgres://a@b/c', '--password-env', 'NOT_SET'], /NOT_SET is not set/],
    [['--to', 'postgres://a@b/c', '--password-env', 'X', '--password-file', 'y'], /exclude each other/],
    [['--status', '--to', 'sqlite:x.db'], /--status belongs to the steps/],
  ]
  for (const [args, message] of wrong) {
    const result = await here('migrate', ...args)
    t.match([result.code, result.stderr], [2, message])
  }
})

t.test('doctor says of a database what it is, how fast, and whether it may be relied on', async (t) => {
  const { gatehouse, url, location } = await onPostgres(t)
  const doctor = async () => {
    const found: Finding[] = json(await gatehouse('doctor', '--json')).findings
    return found.filter((finding) => finding.about === url)
  }
  t.match(await doctor(), [
    { message: /^PostgreSQL \d+.* answers in [\d.]+ ms/ },
    { level: 'warn', message: /fsync is off/ },
    { level: 'warn', message: /migrations are due/ },
  ])
  await (await openStore(location, { now: Date.now })).close()
  t.equal((await doctor()).length, 2)
  await server.stop()
  const [failed] = await doctor()
  t.match(failed, { level: 'fail', message: /does not answer: PostgreSQL at .*ECONNREFUSED/ })
  await server.restart()
})
