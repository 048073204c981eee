import t from 'tap'
import { parseAuthority, sameAuthority } from '../../src/gateway/wire/host.ts'

const accepted: readonly (readonly [string, string, number | undefined, string])[] = [
  ['mail.example.com', 'mail.example.com', undefined, 'mail.example.com'],
  ['Mail.EXAMPLE.com', 'mail.example.com', undefined, 'mail.example.com'],
  ['mail.example.com.', 'mail.example.com', undefined, 'mail.example.com'],
  ['mail.example.com.:8443', 'mail.example.com', 8443, 'mail.example.com:8443'],
  ['localhost:1', 'localhost', 1, 'localhost:1'],
  ['localhost:65535', 'localhost', 65535, 'localhost:65535'],
  ['192.0.2.1', '192.0.2.1', undefined, '192.0.2.1'],
  ['192.0.2.1:80', '192.0.2.1', 80, '192.0.2.1:80'],
  ['[2001:DB8::1]:443', '[2001:db8::1]', 443, '[2001:db8::1]:443'],
  ['1and1.example', '1and1.example', undefined, '1and1.example'],
]

for (const [text, host, port, authority] of accepted) {
  t.test(`${text} is a host`, async (t) => {
    t.strictSame(parseAuthority(text), { host, port, authority })
  })
}

const refused = [
  '',
  '.',
  'a..b',
  '.a',
  '-a.example',
  'a-.example',
  'a_b.example',
  'user@a.example',
  'a.example/x',
  'a.example, b.example',
  'a.example ',
  ' a.example',
  'a.example\t',
  'a%2eexample',
  'a.example:',
  'a.example:0',
  'a.example:080',
  'a.example:65536',
  'a.example:80a',
  'a.example:+80',
  'a.example:80:80',
  '127.1',
  '0177.0.0.1',
  '2130706433',
  '256.0.0.1',
  '::1',
  '[::1',
  '[::1]x',
  '[fe80::1%25eth0]',
  '[127.0.0.1]',
  'ä.example',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(127)}example`,
]

for (const text of refused) {
  t.test(`${JSON.stringify(text)} is no host`, async (t) => {
    t.equal(parseAuthority(text), undefined)
  })
}

t.test('the default port of the scheme counts as none', async (t) => {
  const plain = parseAuthority('a.example')!
  t.equal(sameAuthority(plain, parseAuthority('a.example:443')!, 'https'), true)
  t.equal(sameAuthority(plain, parseAuthority('a.example:443')!, 'http'), false)
  t.equal(sameAuthority(plain, parseAuthority('b.example')!, 'http'), false)
})
