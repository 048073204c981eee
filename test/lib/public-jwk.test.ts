import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { isUsablePoint } from '../../src/lib/ed25519-point.ts'
import { readPublicJwk } from '../../src/lib/public-jwk.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const ecJwk = ec.publicKey.export({ format: 'jwk' })
const edJwk = ed.publicKey.export({ format: 'jwk' })

t.test('a public P-256 or Ed25519 key is taken, under its RFC 7638 thumbprint', async (t) => {
  for (const jwk of [ecJwk, edJwk, { ...ecJwk, kid: 'x', use: 'sig', alg: 'ES256' }]) {
    const read = readPublicJwk(jwk)
    t.equal(read?.thumbprint, await calculateJwkThumbprint(jwk as never))
    t.equal(readPublicJwk(JSON.parse(read?.json ?? ''))?.thumbprint, read?.thumbprint)
  }
  // RFC 8037, appendix A.3.
  const known = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  t.equal(readPublicJwk(known)?.thumbprint, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

t.test('broken, private and foreign keys are refused', async (t) => {
  const zero = Buffer.alloc(32).toString('base64url')
  const broken: [string, unknown][] = [
    ['nothing', undefined],
    ['a text', 'key'],
    ['a list', [ecJwk]],
    ['a private EC key', ec.privateKey.export({ format: 'jwk' })],
    ['a private Ed25519 key', ed.privateKey.export({ format: 'jwk' })],
    ['a secret', { kty: 'oct', k: zero }],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })],
    ['X25519', generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })],
    ['a point that is not on the curve', { ...ecJwk, y: ecJwk.x }],
    ['the point at zero', { ...ecJwk, x: zero, y: zero }],
    ['without y', { kty: 'EC', crv: 'P-256', x: ecJwk.x }],
    ['a short coordinate', { ...ecJwk, x: ecJwk.x?.slice(1) }],
    ['padding', { ...ecJwk, x: `${ecJwk.x}=` }],
    ['base64 instead of base64url', { ...edJwk, x: `${edJwk.x?.slice(0, 40)}+/A` }],
    ['another algorithm', { ...ecJwk, alg: 'HS256' }],
    ['for encryption', { ...ecJwk, use: 'enc' }],
    ['for signing', { ...ecJwk, key_ops: ['sign'] }],
    ['an unknown member', { ...ecJwk, x5u: 'https://evil.example' }],
    [
      'Ed25519 not on the curve',
      { ...edJwk, x: Buffer.from([2, ...Buffer.alloc(31)]).toString('base64url') },
    ],
    ['Ed25519 of order 1', { ...edJwk, x: Buffer.from([1, ...Buffer.alloc(31)]).toString('base64url') }],
    ['Ed25519 of order 4', { ...edJwk, x: zero }],
  ]
  for (const [what, jwk] of broken) t.equal(readPublicJwk(jwk), undefined, what)
})

t.test('points of small order, and encodings beyond the field, are no keys', async (t) => {
  const small = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]
  for (const hex of small) t.notOk(isUsablePoint(Buffer.from(hex, 'hex')), hex)
  for (let i = 0; i < 5; i++) {
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
    t.ok(isUsablePoint(Buffer.from(x ?? '', 'base64url')))
  }
  t.notOk(isUsablePoint(Buffer.alloc(31, 9)))
})
