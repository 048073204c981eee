import t from 'tap'
import { canonicalAddress, IpSet } from '../../src/lib/ip-set.ts'

const canonical: [string, string][] = [
  ['10.0.0.1', '10.0.0.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['FD00:0099::00Aa', 'fd00:99::aa'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:0a00:0001', '10.0.0.1'],
  ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
]
for (const [text, expected] of canonical) {
  t.test(`${text} is written ${expected}`, async (t) => t.equal(canonicalAddress(text), expected))
}

const refused = [
  ...[
    '',
    '1',
    '10.1',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.01',
    '0x0a.0.0.1',
    '167772161',
    '10.0.0.1.',
  ],
  ...[
    '.10.0.0.1',
    '10..0.1',
    ' 10.0.0.1',
    '10.0.0.1 ',
    '10.0.0.1\n',
    '10.0.0.1:80',
    '+10.0.0.1',
    '１0.0.0.1',
  ],
  ...[':', ':::', '1::2::3', ':1::', '1:', ':1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1:2:3:4:5:6:7:8'],
  ...[
    '12345::',
    'g::',
    'fe80::1%eth0',
    '[::1]',
    '::1/128',
    '10.0.0.1::',
    '::ffff:010.0.0.1',
    '::1.2.3.4:5',
    '::ffff:10.1',
  ],
]
for (const text of refused) {
  t.test(`${JSON.stringify(text)} is no address`, async (t) => {
    t.equal(canonicalAddress(text), undefined)
    t.notOk(IpSet.of(['0.0.0.0/0', '::/0']).has(text))
  })
}

t.test('a set holds exactly the addresses of its networks, edges included', async (t) => {
  const set = IpSet.of([
    '10.20.0.0/16',
    'fd00:99::/64',
    '192.0.2.7',
    '10.21.0.0/16',
    '0.0.0.0/32',
    '255.255.255.255',
  ])
  const inside = ['10.20.0.0', '10.21.255.255', 'fd00:99::', 'fd00:99::ffff:ffff:ffff:ffff', '192.0.2.7']
  for (const address of [...inside, '::ffff:10.20.1.1', '0.0.0.0', '255.255.255.255'])
    t.ok(set.has(address), address)
  for (const address of [
    '10.19.255.255',
    '10.22.0.0',
    'fd00:99:0:1::',
    'fd00:98::1',
    '192.0.2.8',
    '0.0.0.1',
    '::',
  ]) {
    t.notOk(set.has(address), address)
  }
})

t.test('an IPv6 network holds no IPv4 address', async (t) => {
  t.notOk(IpSet.of(['::/0']).has('10.0.0.1'))
  t.notOk(IpSet.of(['::/0']).has('::ffff:10.0.0.1'))
})

t.test('an IPv4-mapped network is its IPv4 network', async (t) => {
  t.ok(IpSet.of(['::ffff:10.0.0.0/104']).has('10.1.2.3'))
  t.notOk(IpSet.of(['::ffff:10.0.0.0/104']).has('11.1.2.3'))
  t.throws(() => IpSet.of(['::ffff:0:0/90']), /out of range/)
})

t.test('nested and overlapping networks do not hide each other', async (t) => {
  const set = IpSet.of(['10.0.0.0/8', '10.1.0.0/16', '10.255.0.0/16', '11.0.0.0/24'])
  for (const address of ['10.2.0.0', '10.255.255.255', '11.0.0.255']) t.ok(set.has(address), address)
  t.notOk(set.has('11.0.1.0'))
})

t.test('host bits are a mistake, told with the network that was meant', async (t) => {
  t.throws(() => IpSet.of(['10.20.0.5/16']), {
    message: '"10.20.0.5/16" has host bits set; the network is 10.20.0.0/16',
  })
  t.throws(() => IpSet.of(['fd00::1/64']), /the network is fd00::\/64/)
})

for (const text of [
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '::/129',
  '10.0/8',
  'x',
  '10.0.0.0/1e1',
  '/8',
]) {
  t.test(`${text} is no network`, async (t) => t.throws(() => IpSet.of([text]), RangeError))
}

t.test('covering and overlapping', async (t) => {
  const ten = IpSet.of(['10.0.0.0/8', 'fd00::/8'])
  t.ok(ten.covers(IpSet.of(['10.3.0.0/16', 'fd12::/16'])))
  t.notOk(ten.covers(IpSet.of(['10.3.0.0/16', '11.0.0.0/8'])))
  t.ok(ten.overlaps(IpSet.of(['8.0.0.0/6'])))
  t.ok(ten.overlaps(IpSet.of(['10.9.9.9'])))
  t.notOk(ten.overlaps(IpSet.of(['9.0.0.0/8', '11.0.0.0/8', 'fe00::/8'])))
  t.notOk(ten.overlaps(IpSet.of([])))
})

t.test('everything in pieces is still everything', async (t) => {
  t.ok(IpSet.of(['0.0.0.0/1', '128.0.0.0/1']).coversEverything)
  t.ok(IpSet.of(['::/1', '8000::/1']).coversEverything)
  t.notOk(IpSet.of(['0.0.0.0/1', '128.0.0.0/2']).coversEverything)
  t.ok(IpSet.of([]).isEmpty)
})
