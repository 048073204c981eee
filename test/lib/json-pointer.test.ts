import t from 'tap'
import { atJsonPointer, parseJsonPointer } from '../../src/lib/json-pointer.ts'

/** RFC 6901, section 5. */
const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'm~n': 8, ' ': 7, '01': 9, list: [{ x: null }] }

t.test('pointers name what RFC 6901 says', async (t) => {
  const at = (pointer: string) => atJsonPointer(document, parseJsonPointer(pointer))
  t.equal(at(''), document)
  t.strictSame(at('/foo'), ['bar', 'baz'])
  t.equal(at('/foo/0'), 'bar')
  t.equal(at('/'), 0)
  t.equal(at('/a~1b'), 1)
  t.equal(at('/m~0n'), 8)
  t.equal(at('/ '), 7)
  t.equal(at('/01'), 9)
  t.equal(at('/list/0/x'), null)
})

t.test('what is not there is undefined, also where objects have members of their own kind', async (t) => {
  for (const pointer of [
    '/nothing',
    '/foo/2',
    '/foo/01',
    '/foo/-',
    '/foo/length',
    '/constructor',
    '/foo/0/length',
    '/list/0/x/y',
  ]) {
    t.equal(atJsonPointer(document, parseJsonPointer(pointer)), undefined, pointer)
  }
})

t.test('~01 is ~1, not a slash', async (t) => {
  t.strictSame(parseJsonPointer('/~01'), ['~1'])
})

t.test('what is no pointer is refused', async (t) => {
  for (const text of ['foo', 'a/b', '/~', '/~2', '#/foo'])
    t.throws(() => parseJsonPointer(text), RangeError, text)
})
