import t from 'tap'
import { canonicalPath, strictPathRules } from '../../src/gateway/wire/path.ts'
import { isRefused } from '../../src/gateway/wire/refused.ts'

const slashes = { ...strictPathRules, encodedSlash: true }
const parameters = { ...strictPathRules, parameters: true }

t.test('spelling is made one, and nothing else changes', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['/', '/'],
    ['/a/b/', '/a/b/'],
    ['/%61%2D%7e', '/a-~'],
    ['/%2egatehouse/', '/.gatehouse/'],
    ['/a%c3%a9', '/a%C3%A9'],
    ['/a%20b%3f%26', '/a%20b%3F%26'],
    ['/100%25', '/100%25'],
    ['/a.b/..c/.d/e..', '/a.b/..c/.d/e..'],
    ['/!$&\'()*+,=:@"<>^`{|}', '/!$&\'()*+,=:@"<>^`{|}'],
  ]
  for (const [raw, path] of cases) {
    t.strictSame(canonicalPath(raw, strictPathRules), { path, decodedPath: path }, raw)
    t.strictSame(canonicalPath(path, strictPathRules), { path, decodedPath: path }, `${path} stays as it is`)
  }
})

const ambiguous = [
  '/a/../b',
  '/a/..',
  '/.',
  '/./a',
  '/a/%2e%2E/b',
  '/a/.%2e',
  '//',
  '//a',
  '/a//b',
  '/a\\b',
  '/a%5cb',
  '/a%2fb',
  '/a%2F..%2Fb',
  '/a%00',
  '/a%0d%0a',
  '/a%7f',
  '/a;b',
  '/..;/a',
  '/a%3Bb',
  '/a%252fb',
  '/a%252e%252e/b',
  '/a%25%32%66b',
  '/a%25252fb',
  '/a%2500',
  '/a%',
  '/a%2',
  '/a%zz',
  '/a%u002f',
  '/a%c0%af',
  '/a%e0%80%ae',
  '/a%ed%a0%80',
  '/a%ff',
  '/a%c3',
]

for (const raw of ambiguous) {
  t.test(`${raw} could be read in two ways`, async (t) => {
    const result = canonicalPath(raw, strictPathRules)
    t.match(result, { refused: 'path.ambiguous' })
  })
}

t.test('a service may allow encoded slashes; its policy sees them decoded too', async (t) => {
  t.strictSame(canonicalPath('/o/a%2fb%20c', slashes), { path: '/o/a%2Fb%20c', decodedPath: '/o/a/b c' })
  for (const raw of ['/o/..%2fa', '/o%2f%2e%2e%2fa', '/o%2f%2fa', '/a%5cb', '/a;b', '/a%3bb', '/a%252f']) {
    t.match(canonicalPath(raw, slashes), { refused: 'path.ambiguous' }, raw)
  }
})

t.test('a service may allow parameters; its policy sees the path without them', async (t) => {
  t.strictSame(canonicalPath('/a;v=1/b;x', parameters), { path: '/a;v=1/b;x', decodedPath: '/a/b' })
  t.strictSame(canonicalPath('/admin%3Bx', parameters), { path: '/admin%3Bx', decodedPath: '/admin' })
  for (const raw of ['/a/..;x/b', '/..%3bx', '/;x/b', '/a%2fb']) {
    t.match(canonicalPath(raw, parameters), { refused: 'path.ambiguous' }, raw)
  }
})

t.test('any path either is refused or is a fixed point', async (t) => {
  const pieces = ['/', '.', '%2e', '%2f', '%25', '2f', ';', 'a', '%41', '\\', '%c3%a9', '%']
  let seed = 7
  for (let i = 0; i < 5000; i++) {
    let raw = '/'
    for (let n = 0; n < 6; n++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      raw += pieces[(seed >> 8) % pieces.length]
    }
    const once = canonicalPath(raw, strictPathRules)
    if (isRefused(once)) continue
    if (JSON.stringify(canonicalPath(once.path, strictPathRules)) !== JSON.stringify(once)) t.fail(raw)
    if (/\/\.{1,2}(\/|$)|\/\/|[;\\]|%2[fe]|%5c/i.test(once.path)) t.fail(`${raw} → ${once.path}`)
  }
})
