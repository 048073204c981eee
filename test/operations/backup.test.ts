/** Back-up and restore as docs/operations.md and docs/postgresql.md describe them, with their own commands. */
import { execFile } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startCollaboration } from '../../sim/collaboration.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { startRedis } from '../helpers/redis.ts'
import {
  type GatehouseProcess,
  type Installation,
  type InstallationOptions,
  installation,
} from './support.ts'

const execute = promisify(execFile)

/** What happens before and after the copy is made; the copy is taken while the gateway runs. */
async function restoredAfter(
  t: Test,
  options: Partial<InstallationOptions>,
  storage: { copy(here: Installation): Promise<void>; restore(here: Installation): Promise<void> },
) {
  const chat = await startCollaboration({ port: 0, host: '127.0.0.1' })
  t.teardown(() => chat.close())
  const here = await installation(t, { upstream: chat.url, ...options })
  const before = await here.start()
  const early = cookieOf(await before.signIn(wifi))
  await storage.copy(here)
  const late = cookieOf(await before.signIn(wifi, { user: 'bob' }))
  t.equal((await visit(before, late)).status, 200)
  before.child.kill('SIGTERM')
  await before.exited
  await storage.restore(here)
  t.match(await here.gatehouse('audit', '--verify'), { code: 0 })
  return { here, early, late, after: await here.start() }
}

function cookieOf({ headers }: Awaited<ReturnType<GatehouseProcess['signIn']>>): string {
  return (headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
}

function visit(gateway: GatehouseProcess, cookie: string) {
  return gateway.ask({ from: internet, path: '/api/messages', headers: { cookie } })
}

async function holds(t: Test, { here, early, late, after }: Awaited<ReturnType<typeof restoredAfter>>) {
  t.equal((await visit(after, early)).status, 200, 'who was registered when the copy was made gets in')
  const stranger = await visit(after, late)
  t.not(stranger.status, 200, 'who registered after it registers again')
  const again = cookieOf(await after.signIn(wifi, { user: 'bob' }))
  t.equal((await visit(after, again)).status, 200)
  const { devices } = JSON.parse((await here.gatehouse('device', 'list', '--user', 'alice', '--json')).stdout)
  await here.gatehouse('device', 'block', devices[0].registration.id, '--why', 'lost after the restore')
  await eventually(async () => (await visit(after, early)).status === 403)
  t.equal((await visit(after, again)).status, 200)
}

t.test(
  'a copy of SQLite’s file that was made while it was in use brings the installation back',
  async (t) => {
    const copy = join(temporaryFolder(t), 'copy.db')
    const restored = await restoredAfter(
      t,
      {},
      {
        async copy({ recordFile }) {
          const { backup } = await import('node:sqlite')
          const database = new DatabaseSync(recordFile)
          await backup(database, copy)
          database.close()
        },
        async restore({ recordFile }) {
          for (const file of [recordFile, `${recordFile}-wal`, `${recordFile}-shm`])
            rmSync(file, { force: true })
          cpSync(copy, recordFile)
        },
      },
    )
    await holds(t, restored)
  },
)

t.test('a dump of PostgreSQL brings it back, beside a Redis that remembers what came after', async (t) => {
  const server = await postgresServer(t)
  const redis = await startRedis(t)
  const url = await server.createDatabase()
  const dump = join(temporaryFolder(t), 'gatehouse.dump')
  const restored = await restoredAfter(
    t,
    { store: url, settings: `redis: ${redis.url}\nlimits: { drainFor: 1s }` },
    {
      async copy() {
        await execute('pg_dump', ['--format=custom', `--file=${dump}`, url])
      },
      async restore() {
        const database = new URL(url).pathname.slice(1)
        await server.query(server.url, `drop database ${database}`)
        await server.query(server.url, `create database ${database} template template0`)
        await execute('pg_restore', ['--no-owner', `--dbname=${url}`, dump])
        // docs/redis.md: states there may be newer than the restored record.
        await redis.flush()
      },
    },
  )
  await holds(t, restored)
})
