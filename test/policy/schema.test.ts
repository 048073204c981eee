import t from 'tap'
import { conditions } from '../../src/policy/conditions/table.ts'
import { policyJsonSchema, policyReference } from '../../src/policy/schema.ts'
import { mistakesIn } from './helpers/policy.ts'

t.test('the JSON schema is a draft that editors know and refuses unknown keys', async (t) => {
  t.match(policyJsonSchema(), {
    $schema: /draft-07/,
    additionalProperties: false,
    properties: { networks: {}, groups: {}, registration: {}, access: {}, limits: {}, tests: {} },
  })
})

t.test('the reference page names every key and every condition', async (t) => {
  const page = policyReference()
  for (const { name } of conditions) t.match(page, `| \`${name}\` |`)
  for (const key of [
    'name',
    'when',
    'then',
    'from',
    'until',
    'mode',
    'help',
    'clientsPerUser',
    'staleFor',
    'registeredAgo',
  ]) {
    t.match(page, `| \`${key}\` |`)
  }
})

t.test('every example of the page is right', async (t) => {
  const head = 'networks: { office-wifi: [10.20.0.0/16], vpn: [10.99.0.0/16] }\n'
  for (const { name, example } of conditions) {
    t.strictSame(
      mistakesIn(`${head}access: [{ name: A, when: { ${name}: ${example} }, then: allow }]`),
      [],
      name,
    )
  }
  for (const [, block] of policyReference().matchAll(/```yaml\n([^`]*)```/g))
    t.strictSame(mistakesIn(block!), [])
})
