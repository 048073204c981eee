import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { sameHash, tokenHasher } from '../../src/evidence/mdm-token/hash.ts'
import { tokenInTarget } from '../../src/evidence/mdm-token/in-url.ts'
import { weaknessOf } from '../../src/evidence/mdm-token/strength.ts'
import { formatToken, isGenerated, isTokenText } from '../../src/evidence/mdm-token/text.ts'

const token = formatToken(new Uint8Array(32).fill(0xa5))

t.test(
  'a generated token is recognised by its prefix, holds 256 bits, and tells a slip of the hand',
  async (t) => {
    t.match(token, /^ghmt_[0-9a-hjkmnp-z]{59}$/)
    t.equal(isGenerated(token), true)
    const secret = randomBytes(32)
    const changed = Uint8Array.from(secret, (byte, index) => (index === 31 ? byte ^ 1 : byte))
    t.not(formatToken(secret), formatToken(changed), 'the last bit counts')
    for (let i = 5; i < token.length; i++) {
      const other = token[i] === 'x' ? 'y' : 'x'
      t.equal(isGenerated(token.slice(0, i) + other + token.slice(i + 1)), false, `mistyped at ${i}`)
    }
    t.equal(isGenerated(token.slice(0, -1)), false, 'cut off')
    t.throws(() => formatToken(new Uint8Array(16)), RangeError)
  },
)

t.test(
  'what passes through headers, shells and XML unchanged can be a token, and nothing else',
  async (t) => {
    for (const text of [token, 'a', '~!#*+-./:=?@^_', 'x'.repeat(256)]) t.equal(isTokenText(text), true, text)
    for (const text of [
      '',
      'x'.repeat(257),
      'a b',
      'a\tb',
      'a"b',
      "a'b",
      'a,b',
      'a\\b',
      'a\u0000',
      'ä',
      'a\r\nb',
      '$x',
      '%x%',
      'a&b',
      '<a>',
    ])
      t.equal(isTokenText(text), false, JSON.stringify(text))
  },
)

t.test('a token that was typed in is refused when it is easy to guess, with the reason', async (t) => {
  const weak: Readonly<Record<string, RegExp>> = {
    'Sommer-2026!': /fewer than 20 characters/,
    ['x1'.repeat(200)]: /longer than 256/,
    'abcdefgh ijklmnop 1234': /not allowed/,
    kdjfhgpqmznxbcvksowiru: /one kind of characters/,
    '4-8-4-8-4-8-4-8-4-8-48': /different characters|several times/,
    'tr0ub4dor-tr0ub4dor-': /written several times/,
    a1b2c3d1a2b3c3d2b1a1c: /fewer than 8 different characters/,
    'zyxwvutsrqponmlkjihg-4711': /repeated or consecutive/,
    'kdjfhgpqmznx-7Password-2026': /common words such as/,
    'Password-Company-2026-Secret': /common words such as/,
    'Company-MDM-Token-2026-01': /common words/,
    aaaaaaaaaaaaaaaaaaaa1bcdfghk: /repeated or consecutive/,
    'abcdefghijklmnopqrst-987654321': /repeated or consecutive/,
    [`${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`]: /checksum does not fit/,
  }
  for (const [value, reason] of Object.entries(weak)) t.match(weaknessOf(value) ?? 'accepted', reason, value)
})

t.test(
  'random texts, the UUIDs of other products and tokens of another installation are accepted',
  async (t) => {
    t.equal(weaknessOf(token), undefined)
    for (let i = 0; i < 300; i++) {
      const uuid = randomUUID()
      t.equal(weaknessOf(uuid), undefined, uuid)
      const random = `${randomBytes(18).toString('base64url')}-7`
      t.equal(weaknessOf(random), undefined, random)
    }
  },
)

t.test('a token in an address is found, however it is spelled', async (t) => {
  const header = 'gatehouse-mdm-token'
  const found = [
    `/?x=${token}`,
    `/${token}/inbox`,
    `/?x=${token.toUpperCase()}`,
    `/?x=%67%68mt%5f${token.slice(5)}`,
    `/?x=%&y=%zz&z=%67hmt_${token.slice(5)}`,
    `/?x=${token.slice(0, 30)}`,
    '/?a=1&Gatehouse-MDM-Token=typed-in-by-hand',
    '/?gatehouse_mdm_token=typed',
    '/?mdmToken=typed',
    '/?mdm%54oken=typed',
    `/?x=%2567hmt_${token.slice(5)}`,
    `/?x=%252567hmt%255F${token.slice(5)}`,
  ]
  for (const target of found) t.equal(tokenInTarget(target, header), true, target)
  const innocent = [
    '/',
    '/ghmt_',
    '/?q=ghmt_',
    '/?mdmToken',
    '/?mdmToken=',
    '/?token=abc',
    '/?x=mdmToken=1',
    '/%E2%82%AC?%=%zz',
  ]
  for (const target of innocent) t.equal(tokenInTarget(target, header), false, target)
})

t.test('a token’s hash depends on the installation', async (t) => {
  const [one, other] = [
    tokenHasher(Buffer.alloc(32, 1).toString('base64url')),
    tokenHasher(Buffer.alloc(32, 2).toString('base64url')),
  ]
  t.equal(one(token), one(token))
  t.not(one(token), other(token))
  t.match(one(token), /^[\w-]{43}$/)
})

t.test('hashes of tokens are compared in constant time, and nowhere else', async (t) => {
  t.equal(sameHash('a'.repeat(43), 'a'.repeat(43)), true)
  t.equal(sameHash('a'.repeat(43), `${'a'.repeat(42)}b`), false)
  const source = (path: string) => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')
  t.match(source('evidence/mdm-token/hash.ts'), /export function sameHash.*\n +return timingSafeEqual\(/)
  t.match(source('gateway/known-mdm-tokens.ts'), /sameHash\(known\.hash, hash\)/)
  t.notMatch(source('gateway/known-mdm-tokens.ts'), /[!=]== hash\b|\bhash [!=]==/)
})
