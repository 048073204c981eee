import t from 'tap'
import { count, flag, instantOf, text, texts } from '../../../src/compliance/connectors/parts/record.ts'

t.test('a text that says nothing is none', async (t) => {
  for (const nothing of [
    '',
    '  ',
    'null',
    'NULL',
    'N/A',
    '(null)',
    'undefined',
    null,
    undefined,
    true,
    {},
    [],
    Number.NaN,
  ]) {
    t.equal(text({ a: nothing }, 'a'), undefined, String(nothing))
  }
  t.equal(text({ a: ' x ' }, 'a'), 'x')
  t.equal(text({ a: 17.5 }, 'a'), '17.5')
  t.equal(text({ a: 'a\u0000b\nc' }, 'a'), 'a b c')
  t.equal(text({ a: 'x'.repeat(513) }, 'a'), undefined)
  t.equal(text({ a: '', b: 'second' }, 'a', 'b'), 'second')
})

t.test('a record has only its own members', async (t) => {
  t.equal(text({}, 'constructor'), undefined)
  t.equal(text(JSON.parse('{"__proto__":{"a":"x"}}'), 'a'), undefined)
  t.strictSame(texts({}, 'toString'), [])
})

t.test('a list of texts is read in every shape that vendors give it', async (t) => {
  for (const shape of [
    ['x', 'y'],
    { Id: ['x', 'y'] },
    { a: 'x', b: 'y' },
    [{ Name: 'x' }, { Name: 'y' }],
    ['x', 'null', 'y', 'x'],
  ]) {
    t.strictSame(texts({ a: shape }, 'a'), ['x', 'y'])
  }
  t.strictSame(texts({ a: 'x' }, 'a'), ['x'])
  t.equal(texts({ a: Array.from({ length: 1000 }, String) }, 'a').length <= 64, true)
})

t.test('true and false come in six spellings, and nothing else is either', async (t) => {
  for (const yes of [true, 'true', 'True', 'YES', '1', 1]) t.equal(flag({ a: yes }, 'a'), true)
  for (const no of [false, 'false', 'No', '0', 0]) t.equal(flag({ a: no }, 'a'), false)
  for (const neither of [null, undefined, '', 'perhaps', 2, {}, []])
    t.equal(flag({ a: neither }, 'a'), undefined)
})

t.test('a count is a whole number, also as text', async (t) => {
  t.equal(count({ a: '1234' }, 'a'), 1234)
  t.equal(count({ a: 7 }, 'a'), 7)
  for (const none of [-1, 1.5, '1e9', 'many', null]) t.equal(count({ a: none }, 'a'), undefined)
})

t.test('a time is read in each form that vendors write, without a zone as UTC', async (t) => {
  const time = Date.parse('2026-11-21T19:04:35Z')
  for (const form of [
    time,
    String(time),
    '2026-11-21T19:04:35Z',
    '2026-11-21T19:04:35',
    '2026-11-21 19:04:35',
    '2026-11-21T20:04:35+01:00',
    '2026-11-21T20:04:35+0100',
    `/Date(${time})/`,
    `\\/Date(${time})\\/`,
    `/Date(${time}+0100)/`,
  ]) {
    t.equal(instantOf(form), time, String(form))
  }
})

t.test('what means never, or no time at all, is none', async (t) => {
  for (const never of [
    '0001-01-01T00:00:00',
    '/Date(-62135596800000)/',
    0,
    '0',
    -1,
    '',
    'yesterday',
    '11/21/26 7:04 PM',
    null,
    {},
    1e20,
    '2026-99-99T00:00',
  ]) {
    t.equal(instantOf(never), undefined, String(never))
  }
})
