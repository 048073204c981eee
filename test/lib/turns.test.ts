import t from 'tap'
import { Turns } from '../../src/lib/turns.ts'

t.test('so many at a time, the others in order, those of other keys at once', async (t) => {
  const turns = new Turns(2)
  const begun: string[] = []
  const take = (key: string, name: string) => turns.take(key, () => begun.push(name))
  const [first, second, , fourth] = ['a', 'b', 'c', 'd', 'e'].map((name) => take('one', name))
  take('two', 'other')
  t.strictSame(begun, ['a', 'b', 'other'])
  first?.()
  first?.()
  t.strictSame(begun, ['a', 'b', 'other', 'c'], 'done twice makes one place')
  fourth?.()
  second?.()
  t.strictSame(begun, ['a', 'b', 'other', 'c', 'e'], 'who has left the line is passed over')
})

t.test('where all are done, the next begins at once', async (t) => {
  const turns = new Turns(1)
  let begun = 0
  for (let again = 0; again < 3; again++) turns.take('one', () => begun++)()
  t.equal(begun, 3)
})
