import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { effectiveSettings } from '../../src/settings/effective.ts'
import { gateway, loadGood, mistakes, services } from './settings-file.ts'

const sentence = /must be postgres:\/\/USER@HOST:PORT\/DATABASE/

t.test('a PostgreSQL URL alone takes every default', async (t) => {
  const { store } = loadGood(t, [gateway, services, 'store: postgres://gatehouse@db.internal/record'])
  t.strictSame(store, {
    ...{ kind: 'postgres', user: 'gatehouse', host: 'db.internal', port: 5432, database: 'record' },
    ...{ pool: 10, connectTimeout: 5_000, statementTimeout: 5_000 },
  })
})

t.test(
  'with its keys, the password comes from its file and paths are relative to the settings',
  async (t) => {
    const lines = [
      gateway,
      services,
      'store:',
      '  url: "postgresql://gate%40house@[fd00::5]:5433/record"',
      '  password: { file: password }',
      '  tls: { ca: [db.crt], serverName: db.internal }',
      '  pool: 30',
      '  statementTimeout: 2s',
    ]
    const settings = loadGood(t, lines, { files: { password: 'of the database\n' } })
    const { store } = settings
    if (store.kind !== 'postgres') throw new Error(store.kind)
    t.match(store, { host: 'fd00::5', port: 5433, user: 'gate@house', pool: 30, statementTimeout: 2_000 })
    t.strictSame(store.tls, {
      ca: [join(settings.file, '../db.crt')],
      verify: 'full',
      serverName: 'db.internal',
    })
    t.equal(store.password?.reveal(), 'of the database')
    t.notMatch(JSON.stringify(settings), 'of the database')
    const shown = effectiveSettings(settings)
    t.notMatch(shown, 'of the database')
    t.match(parse(shown).store, {
      url: 'postgres://gate%40house@[fd00::5]:5433/record',
      password: { file: 'password' },
      tls: { verify: 'full', serverName: 'db.internal' },
      ...{ pool: 30, connectTimeout: '5s', statementTimeout: '2s' },
    })
  },
)

t.test('a password in the URL is refused and not repeated, however it is written', async (t) => {
  for (const url of [
    'postgres://gatehouse:hunter2@db/record',
    'postgres://gatehouse:hunter2/@x@db/record',
    'postgres://gatehouse:hunter2?@db/record',
    'postgresql://:hunter2@db/record',
    'postgres://gatehouse@db/record?password=hunter2',
    'postgres://gatehouse:hunter2@db:port/record',
  ]) {
    for (const store of [`store: "${url}"`, `store: { url: "${url}" }`]) {
      const found = mistakes(t, [gateway, services, store])
      t.equal(found.length, 1, store)
      t.notMatch(found.join(), 'hunter2')
      t.match(found.join(), url.includes('?p') ? /takes nothing after a `\?`/ : /has a password in it/)
    }
  }
  const typed = mistakes(t, [gateway, services, 'store: { url: postgres://a@b/c, password: hunter2 }'])
  t.match(typed, [/^3:43 store\.password: must be \{ env: NAME \}/])
  t.notMatch(typed.join(), 'hunter2')
})

t.test('a URL that is none says what one looks like', async (t) => {
  for (const url of [
    'postgres://',
    'postgres:gatehouse@db/record',
    'postgres://db/record',
    'postgres://gatehouse@db',
    'postgres://gatehouse@db/',
    'postgres://gatehouse@db/a/b',
    'postgres://gatehouse@/record',
    'postgres://gate house@db/record',
    'postgres://gatehouse@db:99999999/record',
  ]) {
    t.match(mistakes(t, [gateway, services, `store: "${url}"`]), [sentence], url)
  }
  t.match(mistakes(t, [gateway, services, 'store: postgres://g@db:0/record']), [/port between 1 and 65535/])
  t.match(mistakes(t, [gateway, services, 'store: postgres://g%4@db/record']), [/% that is not followed/])
  t.match(mistakes(t, [gateway, services, 'store: { url: "sqlite:x.db" }']), [sentence])
  t.match(mistakes(t, [gateway, services, 'store: 7']), [/store: must be sqlite: and the path/])
  t.match(mistakes(t, [gateway, services, 'store: { pool: 2 }']), [/store\.url: is missing/, /at least 3/])
  t.match(mistakes(t, [gateway, services, 'store: { url: "postgres://g@db/r", tls: { verfy: ca } }']), [
    /store\.tls\.verfy: unknown key\. Did you mean verify\?/,
  ])
  t.match(
    mistakes(t, [gateway, services, 'store: { url: "postgres://g@db/r", password: { env: NOT_SET } }']),
    [/store\.password: the environment variable NOT_SET is not set/],
  )
})
