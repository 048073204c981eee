import type { lookup } from 'node:dns'
import t from 'tap'
import { request } from 'undici'
import { guardedLookup } from '../../src/gateway/relay/addresses.ts'
import { relayUnderTest, upstreamServer } from './relay-under-test.ts'

/** A resolver that answers with these. */
function resolvesTo(...addresses: string[]): typeof lookup {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  return ((_name: string, _options: unknown, callback: (error: null, found: typeof all) => void) => {
    callback(null, all)
  }) as unknown as typeof lookup // `all: true` is the only way it is called
}

function found(resolver: typeof lookup): Promise<unknown> {
  return new Promise((resolve, reject) => {
    guardedLookup(resolver)('upstream.internal', { all: true }, (error, addresses) => {
      if (error) reject(error)
      else resolve((addresses as { address: string }[]).map(({ address }) => address))
    })
  })
}

const forbidden = [
  '169.254.169.254',
  '169.254.0.1',
  '::ffff:169.254.169.254',
  'fe80::1',
  'fd00:ec2::254',
  '100.100.100.200',
  '168.63.129.16',
  '0.0.0.0',
  '::',
]
for (const address of forbidden) {
  t.test(`a name that resolves to ${address} is no upstream`, async (t) => {
    await t.rejects(found(resolvesTo(address)), { code: 'UPSTREAM_ADDRESS_FORBIDDEN' })
    t.strictSame(await found(resolvesTo(address, '10.0.0.7')), ['10.0.0.7'])
  })
}

t.test('inside addresses are what upstreams have', async (t) => {
  const usual = ['127.0.0.1', '10.1.2.3', '192.168.1.1', '2001:db8::1', 'fd12::1', '::1']
  t.strictSame(await found(resolvesTo(...usual)), usual)
})

t.test('the relay connects to no forbidden address', async (t) => {
  const upstream = await upstreamServer(t, (_request, response) => response.end('reached'))
  const named = new URL(`http://upstream.internal:${upstream.port}`)
  const good = await relayUnderTest(t, { upstream: [named], options: { lookup: resolvesTo('127.0.0.1') } })
  t.equal((await request(good.url)).statusCode, 200)
  const bad = await relayUnderTest(t, {
    upstream: [named],
    options: { lookup: resolvesTo('169.254.169.254') },
  })
  t.match((await request(bad.url)).headers, { 'x-reason': 'upstream.unreachable' })
})
