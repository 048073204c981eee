import t from 'tap'
import { Bag, nowhere } from '../../src/lib/bag.ts'

const item = (name: string) => ({ name, place: nowhere })

t.test('what was put in is there until it is taken out, in whatever order', async (t) => {
  const bag = new Bag<ReturnType<typeof item>>()
  const [a, b, c] = [item('a'), item('b'), item('c')]
  for (const each of [a, b, c]) bag.add(each)
  bag.delete(a)
  t.notOk(bag.has(a))
  t.strictSame(
    bag
      .list()
      .map(({ name }) => name)
      .sort(),
    ['b', 'c'],
  )
  bag.delete(c)
  bag.delete(c)
  t.equal(bag.size, 1)
  t.ok(bag.has(b))
  bag.delete(b)
  t.equal(bag.size, 0)
})

t.test('a list stays as it was while its items leave', async (t) => {
  const bag = new Bag<ReturnType<typeof item>>()
  for (const name of ['a', 'b', 'c', 'd']) bag.add(item(name))
  const seen: string[] = []
  for (const each of bag.list()) {
    seen.push(each.name)
    bag.delete(each)
  }
  t.strictSame(seen, ['a', 'b', 'c', 'd'])
  t.equal(bag.size, 0)
})
