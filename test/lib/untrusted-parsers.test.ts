import { gzipSync } from 'node:zlib'
import t from 'tap'
import { decodeBase64 } from '../../src/lib/base64.ts'
import { cookieValues } from '../../src/lib/cookies.ts'
import { parseForm } from '../../src/lib/form.ts'
import { gunzipWithin } from '../../src/lib/gunzip.ts'
import { parseJsonObject, parseStrictJson, stringMember } from '../../src/lib/json.ts'

const broken = { name: 'MalformedInput' }

t.test('base64 has one reading', async (t) => {
  t.equal(decodeBase64('YWI=')?.toString(), 'ab')
  t.equal(decodeBase64('YWI')?.toString(), 'ab', 'without padding')
  t.equal(decodeBase64('')?.length, 0)
  for (const text of ['YWJ', 'YWI==', 'YW I=', 'YW-_', 'YWI=x', '=', 'Y', 'YWI=\n'])
    t.equal(decodeBase64(text), undefined, text)
})

t.test('every cookie of a name is found, and no other', async (t) => {
  t.strictSame(cookieValues(['a=1; b=2', 'xa=3;a=4; a =5; a'], 'a'), ['1', '4', '5'])
  t.strictSame(cookieValues(['b=a; c="a=1"'], 'a'), [])
})

t.test('a form has one reading', async (t) => {
  t.strictSame(parseForm('a=1&b=%C3%BC+x&&c'), [
    ['a', '1'],
    ['b', 'ü x'],
    ['c', ''],
  ])
  t.strictSame(parseForm(''), [])
  for (const text of ['a=%', 'a=%zz', 'a=%ff', 'a=%00', 'a=\xfc', 'a=1&'.repeat(2000)])
    t.throws(() => parseForm(text), broken)
})

t.test('JSON from outside has one reading', async (t) => {
  const parse = (text: string) => parseStrictJson(Buffer.from(text))
  t.strictSame(parse(' {"a":[{"b":1},{"b":2}],"c":{"a":"{\\"a\\":"}} '), {
    a: [{ b: 1 }, { b: 2 }],
    c: { a: '{"a":' },
  })
  t.strictSame(parse('["a","a",{"a" : "a"}]'), ['a', 'a', { a: 'a' }])
  t.throws(() => parse('{"a":1,"a":2}'), broken)
  t.throws(() => parse('{"a":1,"\\u0061" : 2}'), broken)
  t.throws(() => parse('{"x":{"a":1,"b":{"a":1},"a":2}}'), broken)
  t.throws(() => parse('['.repeat(33) + ']'.repeat(33)), broken)
  t.throws(() => parse('['.repeat(60_000)), broken)
  t.throws(() => parseStrictJson(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])), broken)
  t.throws(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22])), broken)
  for (const text of ['', '{', '"\\', '{"a"', '{"a\\":1}', '[]]']) t.throws(() => parse(text), broken, text)
  t.throws(() => parseJsonObject(Buffer.from('[]')), broken)
  const polluted = parseJsonObject(Buffer.from('{"__proto__":{"admin":"yes"}}'))
  t.equal(stringMember(polluted, 'admin'), undefined)
  t.equal(stringMember(polluted, 'toString'), undefined)
})

t.test('what is packed may not become large', async (t) => {
  t.equal(gunzipWithin(gzipSync('small'), 100).toString(), 'small')
  t.throws(() => gunzipWithin(gzipSync(Buffer.alloc(101)), 100), broken)
  t.throws(() => gunzipWithin(Buffer.from('plain'), 100), broken)
})
