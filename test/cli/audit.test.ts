import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { installation, json } from './support.ts'

t.test('an audit log that nobody touched is intact, and its records can be read', async (t) => {
  const { gatehouse, openStore } = installation(t)
  await openStore()
  await gatehouse('bypass', 'chat', '--for', '30m', '--why', 'MDM outage')
  const { code, stdout } = await gatehouse('audit', '--verify')
  t.equal(code, 0)
  t.match(stdout, /intact/)
  t.match((await gatehouse('audit')).stdout, /opened a bypass of chat: MDM outage/)
  t.match(json(await gatehouse('audit', '--json', '--subject', 'mail')), { records: [] })
})

t.test('a record that was changed, or cut off, is found: exit 1', async (t) => {
  const { gatehouse, openStore, recordFile } = installation(t)
  await openStore()
  for (const why of ['one', 'two', 'three']) await gatehouse('bypass', 'chat', '--for', '5m', '--why', why)
  const tamper = (sql: string) => {
    const database = new DatabaseSync(recordFile)
    database.exec(sql)
    database.close()
  }
  tamper("update audit set why = 'routine' where sequence = 2")
  const changed = await gatehouse('audit', '--verify')
  t.equal(changed.code, 1)
  t.match(changed.stdout, /record 2 does not fit/)
  tamper("update audit set why = 'two' where sequence = 2")
  t.equal((await gatehouse('audit', '--verify')).code, 0, 'put right again')
  tamper('delete from audit where sequence = 3')
  t.match(json(await gatehouse('audit', '--verify', '--json')), { intact: false, firstBad: 3 })
})

t.test('a bypass is opened for a while, listed, and ended before', async (t) => {
  const { gatehouse, openStore } = installation(t)
  const store = await openStore()
  const before = Date.now()
  t.equal((await gatehouse('bypass', 'chat', '--for', '30m', '--why', 'MDM outage')).code, 0)
  const [bypass] = await store.bypasses.active(Date.now())
  t.ok(bypass && bypass.until >= before + 30 * 60_000 && bypass.until <= Date.now() + 30 * 60_000)
  t.match((await gatehouse('bypass', '--list')).stdout, /chat .* MDM outage/)
  t.equal((await gatehouse('explain', '--url', 'https://chat.example.com/', '--from', '203.0.113.7')).code, 0)
  t.equal((await gatehouse('bypass', 'chat', '--end', '--why', 'MDM is back')).code, 0)
  t.strictSame(await store.bypasses.active(Date.now()), [])
  t.equal((await gatehouse('bypass', 'chat', '--end', '--why', 'again')).code, 1)
  const unknown = await gatehouse('bypass', 'caht', '--for', '5m', '--why', 'x')
  t.equal(unknown.code, 2)
  t.match(unknown.stderr, /did you mean chat/)
})
