import t from 'tap'
import { z } from 'zod'
import { checkWith } from '../../src/lib/check-with.ts'
import { formatProblem, readYaml } from '../../src/lib/yaml-document.ts'

const rule = z.strictObject({
  name: z.string(),
  action: z.union([z.enum(['allow', 'approve']), z.strictObject({ redirect: z.string() })]),
  network: z.union([z.string(), z.array(z.string())]).optional(),
})
const schema = z.strictObject({ rules: z.array(rule), limit: z.int().min(1).optional() })

function mistakes(text: string): string[] {
  return checkWith(schema, readYaml(text, 'x.yaml')).problems.map(formatProblem)
}

t.test('a good document gives its value', async (t) => {
  const checked = checkWith(schema, readYaml('rules: [{ name: a, action: allow }]', 'x.yaml'))
  t.strictSame(checked, { value: { rules: [{ name: 'a', action: 'allow' }] }, problems: [] })
})

t.test(
  'all mistakes are told at once, each with line, column, key, what is allowed and the nearest name',
  async (t) => {
    const text = [
      'rules:',
      '  - name: a',
      '    action: alow',
      '    netwrok: x',
      '  - name: 7',
      '    action: { redirct: x }',
      '    network: [a, {}]',
      'limit: 0',
      'lmit: 3',
    ].join('\n')
    t.strictSame(mistakes(text), [
      'x.yaml:3:13: rules[0].action: must be one of allow, approve, not "alow"; did you mean allow?',
      'x.yaml:4:5: rules[0].netwrok: unknown key. Did you mean network? Allowed here: name, action, network',
      'x.yaml:5:11: rules[1].name: must be a text, not a number',
      'x.yaml:6:13: rules[1].action.redirect: is missing: a text',
      'x.yaml:6:15: rules[1].action.redirct: unknown key. Did you mean redirect? Allowed here: redirect',
      'x.yaml:7:18: rules[1].network[1]: must be a text, not a mapping',
      'x.yaml:8:8: limit: must be at least 1',
      'x.yaml:9:1: lmit: unknown key. Did you mean limit? Allowed here: rules, limit',
    ])
  },
)

t.test('an alternative of the wrong type names what each alternative expects', async (t) => {
  t.strictSame(mistakes('rules: [{ name: a, action: [x] }]'), [
    'x.yaml:1:28: rules[0].action: must be allow or approve or a mapping (key: value), not a list',
  ])
})

t.test('a missing key is told at what it is missing from', async (t) => {
  t.strictSame(mistakes('limit: 3'), ['x.yaml:1:1: rules: is missing: a list'])
  t.strictSame(mistakes(''), ['x.yaml:1:1: must be a mapping (key: value), not empty'])
})

t.test('a value of the wrong type is not printed, since it may be a secret', async (t) => {
  t.notMatch(mistakes('rules: hunter2').join(), /hunter2/)
})

const refused: [string, string, RegExp][] = [
  ['a key that stands twice', 'a: 1\na: 2', /x\.yaml:2:1: this key stands twice/],
  ['broken syntax', 'a: [1, 2', /x\.yaml:1:/],
  ['a merge key', 'a: &a {b: 1}\nc:\n  <<: *a', /x\.yaml:3:3: merge keys/],
  ['a custom tag', 'a: !!js/function "x"', /tag/],
  ['a binary tag', 'a: !!binary aGk=', /tag/],
  ['a second document', 'a: 1\n---\nb: 2', /x\.yaml:2/],
  ['an older YAML version', '%YAML 1.1\n---\na: yes', /only YAML 1\.2/],
  ['a prototype as key', '__proto__: { admin: true }', /__proto__ is not allowed/],
  ['a mapping as key', '{ a: 1 }: 2', /plain name/],
  ['an alias of nothing', 'a: *b', /no anchor &b before/],
  ['an alias to what it is part of', 'a: &a [*a]', /part of/],
  ['too many aliases', `a: &a 1\nb: [${'*a, '.repeat(101)}]`, /more than 100 aliases/],
  ['deep nesting', `a: ${'['.repeat(33)}${']'.repeat(33)}`, /more than 32 levels/],
  ['very deep nesting', `a: ${'['.repeat(100_000)}`, /./],
  ['a file above 1 MiB', `a: "${'x'.repeat(1024 * 1024)}"`, /larger than 1 MiB/],
]

for (const [name, text, message] of refused) {
  t.test(`${name} is refused`, async (t) => {
    const document = readYaml(text, 'x.yaml')
    t.match(document.problems.map(formatProblem).join('\n'), message)
    t.equal(document.value, undefined)
  })
}

t.test('an alias bomb is refused before it is expanded', async (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`)
  t.match(readYaml(lines.join('\n'), 'x.yaml').problems.map(formatProblem).join(), /expand to too much/)
})

t.test('an alias stands for its value', async (t) => {
  t.strictSame(readYaml('a: &a [1]\nb: *a', 'x.yaml').value, { a: [1], b: [1] })
})
