import pg from 'pg'
import t from 'tap'
import { postgresServer } from './postgres.ts'

t.test('a PostgreSQL of the test’s own stops, dies, pauses and comes back with what it held', async (t) => {
  const server = await postgresServer(t)
  const url = await server.createDatabase()
  await server.query(url, 'create table kept (id text)')
  await server.query(url, `insert into kept values ('a'), ('B'), ('b')`)
  const order = async () => (await server.query(url, 'select id from kept order by id')).map(({ id }) => id)
  t.strictSame(await order(), ['a', 'b', 'B'], 'in the order of English')
  await server.restart()
  t.equal((await order()).length, 3)
  await server.kill()
  await t.rejects(order(), { code: 'ECONNREFUSED' })
  await server.restart()
  t.equal((await order()).length, 3)
  server.pause()
  const late = order()
  server.resume()
  t.equal((await late).length, 3)
  const other = await server.createDatabase()
  t.not(other, url)
  t.strictSame(await server.query(other, `select 1 as one from pg_class where relname = 'kept'`), [])
})

t.test('a server with a password lets nobody in without it', async (t) => {
  const server = await postgresServer(t, { password: 'of the test' })
  const url = await server.createDatabase()
  t.strictSame(await server.query(url, 'select 1 as one'), [{ one: 1 }])
  const { host, port, user } = server
  const stranger = new pg.Client({ host, port, user, database: 'postgres', password: 'wrong' })
  t.teardown(() => stranger.end())
  await t.rejects(stranger.connect(), { code: '28P01' })
})
