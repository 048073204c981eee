import { readFileSync } from 'node:fs'
import t from 'tap'
import { aclRules } from '../../src/shared-state/redis/acl.ts'

t.test('the page on Redis shows the permissions that the tests run with', async (t) => {
  const page = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8')
  t.ok(page.includes(` -@all ${aclRules}\n`))
})
