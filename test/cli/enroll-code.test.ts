import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeHash } from '../../src/enrollment/sign-in/code.ts'
import { installation, json } from './support.ts'

t.test('a one-time code is made for a user, shown once, listed without itself, and revoked', async (t) => {
  const { here, folder, openStore } = installation(t)
  const store = await openStore()
  const created = await here(
    'enroll',
    'code',
    'create',
    '--user',
    'Alice',
    '--life',
    '1h',
    '--why',
    'New phone',
  )
  t.equal(created.code, 0, created.stderr)
  const code = created.stdout.trimEnd()
  t.match(code, /^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$/)
  t.match(created.stderr, /Code c_\w+ lets Alice sign in to enroll, once, until/)
  const { id, state } = json(await here('enroll', 'code', 'list', '--json')).codes[0]
  t.equal(state, 'usable')
  t.match((await here('enroll', 'code', 'list')).stdout, /Alice +usable/)
  t.match(await here('enroll', 'code', 'revoke', id), { code: 2, stderr: /--why is missing/ })
  t.match(await here('enroll', 'code', 'revoke', id, '--why', 'lost'), { code: 0, stdout: /is revoked/ })
  t.equal(await store.enrollmentCodes.redeem(codeHash(code), Date.now()), undefined)
  t.strictSame(json(await here('enroll', 'code', 'list', '--usable', '--json')).codes, [])
  t.match(await here('enroll', 'code', 'revoke', 'c_nobody', '--why', 'x'), { code: 1 })
  t.match(await store.audit.list({ limit: 9 }), [
    { action: 'enrollment.code-created', subject: id, why: 'New phone' },
    { action: 'enrollment.code-revoked', subject: id, why: 'lost' },
  ])
  await store.close()
  t.notOk(readFileSync(join(folder, 'record.db'), 'latin1').includes(code.replaceAll('-', '')))
})

t.test('a code that was used says so; a code needs a user and a life', async (t) => {
  const { here, openStore } = installation(t)
  const store = await openStore()
  const code = (await here('enroll', 'code', 'create', '--user', 'bob', '--why', 'x')).stdout.trim()
  t.match(await store.enrollmentCodes.redeem(codeHash(` ${code.toLowerCase()} `), Date.now()), {
    user: { name: 'bob' },
  })
  const [{ id }] = json(await here('enroll', 'code', 'list', '--json')).codes
  t.match(await here('enroll', 'code', 'revoke', id, '--why', 'x'), { code: 1, stdout: /has been used/ })
  t.match(await here('enroll', 'code', 'create', '--why', 'x'), { code: 2, stderr: /--user must name/ })
  const long = ['--user', 'bob', '--life', '31d', '--why', 'x']
  t.match(await here('enroll', 'code', 'create', ...long), { code: 2, stderr: /between 1m and 30d/ })
  t.match(await here('enroll', 'code'), { code: 2, stderr: /needs one of: create, list, revoke/ })
  t.match(await here('enroll', 'code', 'creat'), { code: 2, stderr: /did you mean 'enroll code create'/ })
})
