import t from 'tap'
import { mistakes, services, store } from './settings-file.ts'

const tls = 'tls: { cert: a.crt, key: a.key }'

function gateway(rest: string, listen = '"http://127.0.0.1:8080"'): string[] {
  return [`gateway: { listen: [${listen}], ${rest} }`, services, store]
}

t.test('proxies that could be anybody are refused, with the reason', async (t) => {
  for (const range of [
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0/1',
    '8.0.0.0/8',
    '2000::/3',
    '::/1',
    '10.0.0.0/7',
    'fc00::/6',
  ]) {
    t.match(
      mistakes(t, gateway(`trustedProxies: ["${range}"]`)),
      [
        /^1:\d+ gateway\.trustedProxies\[0\]: .*(too wide: whoever is in there can claim any source address|host bits)/,
      ],
      range,
    )
  }
  for (const range of [
    '10.0.0.5',
    '10.0.0.0/8',
    '127.0.0.0/8',
    '203.0.113.0/24',
    'fd00::/8',
    '2001:db8::/32',
    '::1',
  ]) {
    t.strictSame(mistakes(t, gateway(`trustedProxies: ["${range}"]`)), [], range)
  }
})

t.test('everything in small pieces is still everything', async (t) => {
  const pieces = Array.from({ length: 512 }, (_, i) => `"${i >> 1}.${(i & 1) * 128}.0.0/9"`)
  t.match(mistakes(t, gateway(`trustedProxies: [${pieces}]`)), [/trustedProxies: covers every address/])
})

t.test('a network with host bits is told the network that was meant', async (t) => {
  t.match(mistakes(t, gateway('trustedProxies: [10.1.2.3/8]')), [/the network is 10\.0\.0\.0\/8/])
  t.match(mistakes(t, gateway('trustedProxies: [load-balancer]')), [/is no IP address or network/])
})

t.test('the PROXY protocol needs to know from whom', async (t) => {
  t.match(mistakes(t, gateway('proxyProtocol: true')), [/gateway\.proxyProtocol: needs `trustedProxies`/])
  t.strictSame(mistakes(t, gateway('proxyProtocol: true, trustedProxies: [10.0.0.5]')), [])
})

t.test('TLS needs certificates, and client certificates need TLS', async (t) => {
  const listen = '"http://127.0.0.1:8080", "https://127.0.0.1:8443"'
  t.match(mistakes(t, gateway('', listen)), [/gateway\.listen\[1\]: https:\/\/ needs `gateway\.tls`/])
  t.strictSame(mistakes(t, gateway(tls, listen)), [])
  const clientCa = 'tls: { cert: a.crt, key: a.key, clientCa: [ca.crt] }'
  t.match(mistakes(t, gateway(clientCa)), [/gateway\.tls\.clientCa: .*need an https:\/\/ listener/])
  t.strictSame(mistakes(t, gateway(clientCa, listen)), [])
  const crl = 'tls: { cert: a.crt, key: a.key, crl: [ca.crl] }'
  t.match(mistakes(t, gateway(crl, listen)), [/gateway\.tls\.crl: revocation lists need their CAs/])
})

t.test('a port has one listener', async (t) => {
  const two = (a: string, b: string) => mistakes(t, gateway(tls, `"${a}", "${b}"`))
  for (const [a, b] of [
    ['http://127.0.0.1:80', 'https://127.0.0.1:80'],
    ['http://0.0.0.0:80', 'http://127.0.0.1:80'],
    ['http://127.0.0.1:80', 'http://[::]:80'],
    ['http://[::1]:80', 'http://[0:0::1]:80'],
  ] as const) {
    t.match(
      two(a, b),
      [/gateway\.listen\[1\]: cannot listen here: http.* has this port already/],
      `${a} ${b}`,
    )
  }
  t.strictSame(two('http://127.0.0.1:80', 'http://127.0.0.2:80'), [])
  t.strictSame(two('http://0.0.0.0:80', 'http://[::1]:80'), [])
  t.strictSame(two('http://127.0.0.1:0', 'http://127.0.0.1:0'), [])
})

t.test('the management listener is on its own port, and only this machine reaches it', async (t) => {
  const management = (rest: string, listen?: string) =>
    mistakes(t, [...gateway('', listen), `management: { ${rest} }`])
  t.match(management('listen: "http://0.0.0.0:8444"'), [
    /management\.listen: other machines could reach this/,
  ])
  t.match(management('listen: "http://[::]:8444"'), [/other machines could reach this/])
  t.match(management('listen: "https://127.0.0.1:8444"'), [/speaks http:\/\/ only/])
  t.strictSame(management('listen: "http://10.0.0.1:8444", allowRemote: true'), [])
  for (const host of ['127.0.0.1', '127.1.2.3', '[::1]', 'localhost']) {
    t.strictSame(management(`listen: "http://${host}:8444"`), [], host)
  }
  t.match(management('listen: "http://127.0.0.1:8444"', '"http://0.0.0.0:8444"'), [
    /management\.listen: a users’ listener has this port/,
  ])
})
