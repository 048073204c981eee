import t from 'tap'
import { FieldList } from '../../src/domain/request-head.ts'
import { deriveScheme, deriveSource, type Peer } from '../../src/gateway/source.ts'
import { IpSet } from '../../src/lib/ip-set.ts'

const trustedProxies = IpSet.of(['10.0.0.0/8', '2001:db8:1::/48'])
const proxy: Peer = { address: '10.0.0.1', derivedFrom: 'peer', peer: '10.0.0.1' }
const stranger: Peer = { address: '198.51.100.9', derivedFrom: 'peer', peer: '198.51.100.9' }

function addressBehind(
  peer: Peer,
  values: readonly string[],
  forwarded: 'x-forwarded-for' | 'forwarded' = 'x-forwarded-for',
) {
  const fields = new FieldList(
    values.map(() => forwarded),
    values,
  )
  return deriveSource(peer, fields, { trustedProxies, forwarded }).address
}

t.test('a stranger’s word on its address is not believed', async (t) => {
  t.equal(addressBehind(stranger, ['203.0.113.7']), '198.51.100.9')
})

const chains: readonly (readonly [string, readonly string[], string])[] = [
  ['one entry', ['203.0.113.7'], '203.0.113.7'],
  ['what the client wrote itself stands left and does not count', ['10.20.0.5, 203.0.113.7'], '203.0.113.7'],
  ['trusted proxies are passed', ['1.1.1.1, 203.0.113.7, 10.0.0.2, 2001:db8:1::5'], '203.0.113.7'],
  ['several lines are one list', ['1.1.1.1', '203.0.113.7', '10.0.0.2'], '203.0.113.7'],
  ['ports and brackets go', ['203.0.113.7:4711'], '203.0.113.7'],
  ['IPv6 in brackets', ['[2001:DB8::7]:4711'], '2001:db8::7'],
  ['IPv6 without brackets', ['2001:db8::7'], '2001:db8::7'],
  ['IPv4-mapped addresses are IPv4', ['::ffff:203.0.113.7'], '203.0.113.7'],
  [
    'an entry that is no address ends the walk at the last good one',
    ['203.0.113.7, unknown, 10.0.0.2'],
    '10.0.0.2',
  ],
  ['nothing readable leaves the peer', ['unknown'], '10.0.0.1'],
  ['no field leaves the peer', [], '10.0.0.1'],
  ['an empty entry ends the walk', ['203.0.113.7, , 10.0.0.2'], '10.0.0.2'],
  ['at most twenty entries', [`203.0.113.7, ${Array(20).fill('10.0.0.2').join(', ')}`], '10.0.0.2'],
  ['at most two KiB, from the right', [`${'203.0.113.7,'.repeat(400)}198.51.100.1`], '198.51.100.1'],
  ['all trusted: the farthest counts', ['10.9.9.9, 10.0.0.2'], '10.9.9.9'],
]

for (const [title, values, address] of chains) {
  t.test(`X-Forwarded-For: ${title}`, async (t) => {
    t.equal(addressBehind(proxy, values), address)
  })
}

const elements: readonly (readonly [string, string, string])[] = [
  ['a token', 'for=203.0.113.7;proto=https', '203.0.113.7'],
  ['in quotes with a port', 'proto=https; For="[2001:db8::7]:4711"', '2001:db8::7'],
  ['from the right', 'for=1.1.1.1, for=203.0.113.7, for=10.0.0.2', '203.0.113.7'],
  ['an open quote of the client hides nothing', 'for="1.1.1.1, for=203.0.113.7', '203.0.113.7'],
  ['obfuscated nodes are no addresses', 'for=203.0.113.7, for=_hidden', '10.0.0.1'],
  ['two for in one element', 'for=203.0.113.7;for=1.1.1.1', '10.0.0.1'],
]

for (const [title, value, address] of elements) {
  t.test(`Forwarded: ${title}`, async (t) => {
    t.equal(addressBehind(proxy, [value], 'forwarded'), address)
  })
}

t.test('only the configured field is read', async (t) => {
  const fields = new FieldList(['forwarded'], ['for=203.0.113.7'])
  t.equal(deriveSource(proxy, fields, { trustedProxies, forwarded: 'x-forwarded-for' }).address, '10.0.0.1')
})

t.test('the scheme is believed from a trusted proxy, and only as one word', async (t) => {
  const rules = { trustedProxies, forwarded: 'x-forwarded-for' as const }
  const says = (value: string) => new FieldList(['x-forwarded-proto'], [value])
  t.equal(deriveScheme(proxy, says('https'), rules), 'https')
  t.equal(deriveScheme(stranger, says('https'), rules), undefined)
  t.equal(deriveScheme(proxy, says('https, http'), rules), undefined)
})
