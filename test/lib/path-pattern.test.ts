import t from 'tap'
import { compilePathPattern } from '../../src/lib/path-pattern.ts'

const table: [pattern: string, covered: string[], not: string[]][] = [
  [
    '/admin',
    ['/admin', '/admin/', '/admin/x/y'],
    ['/administrator', '/', '/a', '/x/admin', '/Admin', '/admin%20'],
  ],
  ['/', ['/'], ['/a', '/a/b']],
  ['/*', ['/', '/a', '/a/b'], []],
  ['/admin/*', ['/admin/', '/admin/x', '/admin/x/y'], ['/admin', '/adminx', '/administrator/x']],
  ['/admin/', ['/admin/', '/admin/x/y'], ['/admin', '/adminx']],
  ['/a/*/c', ['/a/b/c', '/a/bb/c/d'], ['/a/c', '/a//c', '/a/b/x/c', '/a/b/cc', '/a/b']],
  ['/a/*/c/*', ['/a/b/c/', '/a/b/c/d/e'], ['/a/b/c', '/a/b/cc/d']],
  ['/*/c', ['/x/c', '/x/c/d'], ['/c', '//c', '/x/y/c']],
  ['/img-*.png', ['/img-.png', '/img-1.png', '/img-1.png/x'], ['/img-1.pngx', '/img-1/2.png', '/img.png']],
  ['/a*b*c', ['/abc', '/axbxbxc', '/abcbc'], ['/acb', '/ab', '/ab/c']],
  ['/a*a', ['/aa', '/aba'], ['/a']],
  ['/.well-known/*', ['/.well-known/x'], ['/.well-known', '/x.well-known/x']],
  ['/x%20y', ['/x%20y', '/x%20y/z'], ['/x%20yz']],
]

for (const [pattern, covered, not] of table) {
  t.test(`${pattern} covers whole segments only`, async (t) => {
    const matches = compilePathPattern(pattern)
    for (const path of covered) t.ok(matches(path), `covers ${path}`)
    for (const path of not) t.notOk(matches(path), `does not cover ${path}`)
  })
}

t.test('letter case counts unless the service says otherwise', async (t) => {
  const matches = compilePathPattern('/Admin/X*', { caseInsensitive: true })
  t.ok(matches('/aDMIN/xY'))
  t.notOk(matches('/aDMIN/Y'))
})

const bad = [
  '',
  'admin',
  '/a?b',
  '/a#b',
  '/a b',
  '/ä',
  '/a;b',
  '/a\\b',
  '/a/**',
  '/a//b',
  '/a/../b',
  '/a/.',
  '/a%2',
  '/a%2e',
  '/%61',
  '/%c3',
]
for (const pattern of [...bad, `/${'a'.repeat(2000)}`]) {
  t.test(`${JSON.stringify(pattern.slice(0, 20))} is refused, since no request could match it`, async (t) => {
    t.throws(() => compilePathPattern(pattern), RangeError)
  })
}

t.test('a path made of stars and repetitions is matched in linear time', async (t) => {
  const matches = compilePathPattern(`/${'a*'.repeat(500)}b`)
  t.notOk(matches(`/${'a'.repeat(60_000)}`))
})
