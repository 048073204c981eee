import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { installation, json, smallPolicy } from './support.ts'

t.test('tests that pass: exit 0', async (t) => {
  const { code, stdout } = await installation(t).gatehouse('policy', 'test')
  t.equal(code, 0)
  t.match(stdout, /ok +A stranger stays out/)
  t.match(stdout, /1 of 1 passed/)
})

t.test('a test that fails: exit 1, with every rule that was tried', async (t) => {
  const policy = smallPolicy.replace('expect: refuse', 'expect: register')
  const { code, stdout } = await installation(t, { policy }).gatehouse('policy', 'test')
  t.equal(code, 1)
  t.match(stdout, /FAIL +A stranger stays out\n +expected register/)
  t.match(stdout, /- registration: Wi-Fi: does not match/)
  t.match(stdout, /decision +refuse/)
})

t.test('further files add tests of the same policy', async (t) => {
  const { gatehouse, folder } = installation(t)
  const file = join(folder, 'cases.yaml')
  writeFileSync(
    file,
    'tests:\n  - { name: Wi-Fi registers, given: { registered: false, from: 10.20.0.5 }, expect: register }\n',
  )
  const result = await gatehouse('policy', 'test', file, '--json')
  t.equal(result.code, 0)
  t.match(json(result), {
    total: 2,
    failed: 0,
    files: [{}, { file, results: [{ name: 'Wi-Fi registers', passed: true }] }],
  })
})

t.test('a further file with a mistake is told with its place: exit 2', async (t) => {
  const { gatehouse, folder } = installation(t)
  const file = join(folder, 'cases.yaml')
  writeFileSync(file, 'tests:\n  - { name: No source, given: { registered: false }, expect: register }\n')
  const { code, stderr } = await gatehouse('policy', 'test', file)
  t.equal(code, 2)
  t.match(stderr, `${file}:2:`)
})
