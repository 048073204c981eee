import t from 'tap'
import { parseTarget } from '../../src/gateway/wire/target.ts'

const cases: readonly (readonly [string, ReturnType<typeof parseTarget>])[] = [
  ['/', { form: 'origin', target: '/' }],
  ['/a?b=../c', { form: 'origin', target: '/a?b=../c' }],
  ['//evil.example/', { form: 'origin', target: '//evil.example/' }],
  ['http://a.example/x?y', { form: 'absolute', target: '/x?y', authority: 'a.example' }],
  ['HTTPS://a.example', { form: 'absolute', target: '/', authority: 'a.example' }],
  ['http://a.example?x', { form: 'absolute', target: '/?x', authority: 'a.example' }],
  ['http://u@a.example/', { form: 'absolute', target: '/', authority: 'u@a.example' }],
  ['*', { form: 'asterisk' }],
  ['', undefined],
  ['**', undefined],
  ['a.example:443', undefined],
  ['a', undefined],
  ['?x', undefined],
  ['ftp://a.example/', undefined],
  ['http:/a', undefined],
  ['/a b', undefined],
  ['/a\tb', undefined],
  ['/a\0', undefined],
  ['/a\r\nX: y', undefined],
  ['/\x7f', undefined],
  ['/\xe9', undefined],
  ['/a#b', undefined],
  ['http://a.example/#b', undefined],
]

for (const [text, expected] of cases) {
  t.test(
    `${JSON.stringify(text)} ${expected === undefined ? 'is no target' : `is ${expected.form}-form`}`,
    async (t) => {
      t.strictSame(parseTarget(text), expected)
    },
  )
}
