import { createPrivateKey, createPublicKey } from 'node:crypto'
import t from 'tap'
import { digestFits } from '../../../src/lib/http-signatures/content-digest.ts'
import { asymmetricKey, sharedKey } from '../../../src/lib/http-signatures/keys.ts'
import { readSignatures } from '../../../src/lib/http-signatures/signature.ts'
import { type HttpMessage, signatureBase } from '../../../src/lib/http-signatures/signature-base.ts'
import { verifySignature } from '../../../src/lib/http-signatures/verify.ts'
import { signMessage } from './sign-message.ts'

/** Keys and messages of RFC 9421, appendix B. */
const shared = sharedKey(
  Buffer.from(
    'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
    'base64',
  ),
)
const p256 = asymmetricKey(
  createPublicKey(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----`),
)
const ed25519 = asymmetricKey(
  createPublicKey(`-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----`),
)
const ed25519Private = asymmetricKey(
  createPrivateKey(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----`),
)

function fieldsOf(fields: Readonly<Record<string, string>>): HttpMessage['field'] {
  return (name) => (Object.hasOwn(fields, name) ? [fields[name] as string] : [])
}

const request: HttpMessage = {
  method: 'POST',
  scheme: 'https',
  authority: 'example.com',
  target: '/foo?param=Value&Pet=dog',
  field: fieldsOf({
    host: 'example.com',
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-digest':
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    'content-length': '18',
  }),
}
const response: HttpMessage = {
  status: 200,
  field: fieldsOf({
    date: 'Tue, 20 Apr 2021 02:07:56 GMT',
    'content-type': 'application/json',
    'content-digest':
      'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
    'content-length': '23',
  }),
}

const b24 = {
  input:
    'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"',
  signature:
    'sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:',
}
const b25 = {
  input: 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  signature: 'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
}
const b26 = {
  input:
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
  signature:
    'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
}

function only({ input, signature }: { input: string; signature: string }) {
  const [first, second] = readSignatures([input], [signature])
  if (first === undefined || second !== undefined) throw new Error('not one signature')
  return first
}

t.test('B.2.4: a response that is signed with ecdsa-p256-sha256', async (t) => {
  t.ok(verifySignature(only(b24), response, p256))
  t.notOk(verifySignature(only(b24), { ...response, status: 201 }, p256))
})

t.test('B.2.5: a request that is signed with hmac-sha256', async (t) => {
  t.ok(verifySignature(only(b25), request, shared))
  t.notOk(verifySignature(only(b25), { ...request, authority: 'example.org' }, shared))
  const made = signMessage(
    {
      label: 'sig-b25',
      components: ['date', '@authority', 'content-type'],
      parameters: { created: 1618884473, keyid: 'test-shared-secret' },
    },
    request,
    shared,
  )
  t.match(made, b25)
})

t.test('B.2.6: a request that is signed with ed25519', async (t) => {
  t.ok(verifySignature(only(b26), request, ed25519))
  t.notOk(verifySignature(only(b26), { ...request, method: 'PUT' }, ed25519))
  const made = signMessage(
    {
      label: 'sig-b26',
      components: ['date', '@method', '@path', '@authority', 'content-type', 'content-length'],
      parameters: { created: 1618884473, keyid: 'test-key-ed25519' },
    },
    request,
    ed25519Private,
  )
  t.match(made, b26)
})

t.test('B.2.1 and B.2.3: the signature bases of an empty and of a full coverage', async (t) => {
  const empty = {
    input: 'sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
    signature: 'sig-b21=:YQ==:',
  }
  t.equal(
    signatureBase(only(empty), request),
    '"@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
  )
  const full = {
    input:
      'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"',
    signature: 'sig-b23=:YQ==:',
  }
  t.equal(
    signatureBase(only(full), request),
    `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
  )
})

t.test('B.2: the digests of the two bodies', async (t) => {
  t.ok(digestFits(request.field('content-digest'), Buffer.from('{"hello": "world"}')))
  t.notOk(digestFits(request.field('content-digest'), Buffer.from('{"hello": "World"}')))
  t.ok(digestFits(response.field('content-digest'), Buffer.from('{"message": "good dog"}')))
})

t.test('B.2.2: a component with a parameter is refused, as all that this code does not know', async (t) => {
  const b22 = {
    input:
      'sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"',
    signature: 'sig-b22=:YQ==:',
  }
  t.throws(() => only(b22), { name: 'SignatureProblem', fault: 'component' })
})
