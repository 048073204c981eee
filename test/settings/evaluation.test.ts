import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compilePolicy } from '../../src/policy/compile.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import { runPolicyTests } from '../../src/policy/run-tests.ts'
import { type JsonSchema, settingsJsonSchema } from '../../src/settings/json-schema.ts'
import { loadSettings } from '../../src/settings/load.ts'

const root = join(import.meta.dirname, '../..')

t.test('the evaluation’s settings have no mistake', async (t) => {
  const { settings, problems } = loadSettings(join(root, 'config/gatehouse.yaml'), {})
  t.strictSame(problems, [])
  t.strictSame(
    settings?.services.map(({ name, client }) => [name, client.kind]),
    [
      ['chat', 'browser'],
      ['mail', 'activesync'],
      ['matrix', 'matrix'],
    ],
  )
  t.equal(settings?.policy, join(root, 'config/policy.yaml'))
})

t.test('the evaluation’s policy has no mistake, and its own tests pass', async (t) => {
  const { policy, problems } = parsePolicy(
    readFileSync(join(root, 'config/policy.yaml'), 'utf8'),
    'policy.yaml',
  )
  t.strictSame(problems, [])
  if (policy === undefined) return
  const results = runPolicyTests(compilePolicy(policy), Date.UTC(2026, 10, 1))
  t.strictSame(
    results.filter(({ passed }) => !passed),
    [],
  )
  t.not(results.length, 0)
})

t.test('what is made from the code is as the code makes it', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/generate.ts'), '--check'], {
    encoding: 'utf8',
  })
  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('every key of the settings says what it does', async (t) => {
  function undescribed(schema: JsonSchema, path: string): string[] {
    const inner = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => [
      ...(child.description ? [] : [`${path}${key}`]),
      ...undescribed(child, `${path}${key}.`),
    ])
    const others = [...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? [])]
    return [...inner, ...others.flatMap((other) => undescribed(other, path))]
  }
  t.strictSame(undescribed(settingsJsonSchema(), ''), [])
})
