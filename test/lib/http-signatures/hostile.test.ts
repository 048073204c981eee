import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import t from 'tap'
import { digestFits } from '../../../src/lib/http-signatures/content-digest.ts'
import { asymmetricKey, type SignatureKey, sharedKey } from '../../../src/lib/http-signatures/keys.ts'
import { readSignatures } from '../../../src/lib/http-signatures/signature.ts'
import { type HttpMessage, signatureBase } from '../../../src/lib/http-signatures/signature-base.ts'
import { verifySignature } from '../../../src/lib/http-signatures/verify.ts'
import { signMessage } from './sign-message.ts'

const shared = sharedKey(randomBytes(32))
const fields: Record<string, string[]> = {
  date: ['Tue, 20 Apr 2021 02:07:55 GMT'],
  'x-twice': ['  a ', '\tb'],
}
const message: HttpMessage = {
  method: 'POST',
  scheme: 'https',
  authority: 'Register.Example.com:443',
  target: '/a/b',
  field: (name) => fields[name] ?? [],
}

function first(input: string, signature: string) {
  return readSignatures([input], [signature])[0]
}

t.test('what two readers could read in two ways is refused', async (t) => {
  const cases: [string, string, string][] = [
    ['a label twice', 'a=("@method"), a=("@path")', 'a=:YQ==:'],
    ['a signature’s label twice', 'a=("@method")', 'a=:YQ==:, a=:Yg==:'],
    ['a label without its signature', 'a=("@method"), b=("@path")', 'a=:YQ==:, c=:YQ==:'],
    ['a signature without its label', 'a=("@method")', 'a=:YQ==:, b=:YQ==:'],
    ['a component twice', 'a=("@method" "@method")', 'a=:YQ==:'],
    ['a parameter twice', 'a=("@method");created=1;created=2', 'a=:YQ==:'],
    ['an unknown parameter', 'a=("@method");created=1;extra=2', 'a=:YQ==:'],
    ['created as a text', 'a=("@method");created="1"', 'a=:YQ==:'],
    ['created as a fraction', 'a=("@method");created=1.5', 'a=:YQ==:'],
    ['created below nothing', 'a=("@method");created=-1', 'a=:YQ==:'],
    ['alg as a token', 'a=("@method");alg=none', 'a=:YQ==:'],
    ['keyid without a value', 'a=("@method");keyid', 'a=:YQ==:'],
    ['a component that is a token', 'a=(method)', 'a=:YQ==:'],
    ['no list', 'a="@method"', 'a=:YQ==:'],
    ['a list that does not end', 'a=("@method"', 'a=:YQ==:'],
    ['a string that does not end', 'a=("@method', 'a=:YQ==:'],
    ['components that touch', 'a=("@method""@path")', 'a=:YQ==:'],
    ['a comma at the end', 'a=("@method"),', 'a=:YQ==:'],
    ['other than ASCII', 'a=("@m\u00e9thod")', 'a=:YQ==:'],
    ['stray bits in base64', 'a=("@method")', 'a=:YR==:'],
    ['a space in base64', 'a=("@method")', 'a=:Y Q==:'],
    ['a signature that is a text', 'a=("@method")', 'a="YQ=="'],
    ['a signature with a parameter', 'a=("@method")', 'a=:YQ==:;x=1'],
    ['an empty signature', 'a=("@method")', 'a=::'],
    ['a capital in a label', 'A=("@method")', 'A=:YQ==:'],
    ['something behind', 'a=("@method") x', 'a=:YQ==:'],
  ]
  for (const [what, input, signature] of cases)
    t.throws(() => first(input, signature), { name: 'SignatureProblem', fault: 'malformed' }, what)
})

t.test(
  'a component with a parameter, one that is unknown and one that is not there are refused',
  async (t) => {
    for (const input of ['a=("date";sf)', 'a=("@method";req)'])
      t.throws(() => first(input, 'a=:YQ==:'), { name: 'SignatureProblem', fault: 'component' }, input)
    for (const name of [
      '@query-param',
      '@request-target',
      '@status',
      '@signature-params',
      '@unknown',
      'x-absent',
      'Date',
      '',
    ]) {
      const signature = first(`a=("${name}")`, 'a=:YQ==:')
      t.throws(
        () => signatureBase(signature!, message),
        { name: 'SignatureProblem', fault: 'component' },
        name,
      )
    }
  },
)

t.test('fields that are too long or hold too much are refused before they are read', async (t) => {
  const hostile = [
    `a=(${'"x" '.repeat(2000)})`,
    `a=(${Array.from({ length: 40 }, (_, i) => `"x${i}"`).join(' ')})`,
    Array.from({ length: 9 }, (_, i) => `s${i}=("@method")`).join(', '),
    `a=("@method")${Array.from({ length: 20 }, (_, i) => `;p${i}=1`).join('')}`,
  ]
  for (const input of hostile)
    t.throws(() => first(input, 'a=:YQ==:'), { name: 'SignatureProblem', fault: 'malformed' })
  t.throws(() => first('a=("@method")', `a=:${'A'.repeat(2000)}:`), {
    name: 'SignatureProblem',
    fault: 'malformed',
  })
  const slow = `a=("${'\\"'.repeat(1900)}`
  t.throws(() => first(slow, 'a=:YQ==:'), { name: 'SignatureProblem', fault: 'malformed' })
})

t.test('none of either field is no signature; one without the other is a mistake', async (t) => {
  t.strictSame(readSignatures([], []), [])
  t.throws(() => readSignatures(['a=("@method")'], []), { name: 'SignatureProblem', fault: 'malformed' })
  t.throws(() => readSignatures([], ['a=:YQ==:']), { name: 'SignatureProblem', fault: 'malformed' })
})

t.test('the base has the canonical form, whatever the spaces of the field', async (t) => {
  const signature = first(
    'a=(  "@method"  "@authority" "@target-uri" "@query" "x-twice" );created=7; nonce="q\\"\\\\"',
    'a=:YQ==:',
  )
  t.equal(
    signatureBase(signature!, message),
    [
      '"@method": POST',
      '"@authority": register.example.com',
      '"@target-uri": https://register.example.com/a/b',
      '"@query": ?',
      '"x-twice": a, b',
      '"@signature-params": ("@method" "@authority" "@target-uri" "@query" "x-twice");created=7;nonce="q\\"\\\\"',
    ].join('\n'),
  )
})

t.test('a value with a line break forges no line', async (t) => {
  const signature = first('a=("date")', 'a=:YQ==:')
  const forged: HttpMessage = { ...message, field: () => ['x\n"@method": GET'] }
  t.throws(() => signatureBase(signature!, forged), { name: 'SignatureProblem', fault: 'component' })
})

t.test(
  'the key fixes the algorithm: none, another’s, and a public key taken for a secret are refused',
  async (t) => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const p256 = asymmetricKey(pair.publicKey)
    const parameters = { created: 1, keyid: 'k' }
    const signed = (alg: string, key: SignatureKey) => {
      const made = signMessage(
        { label: 'a', components: ['@method'], parameters: { ...parameters, alg } },
        message,
        key,
      )
      return first(made.input, made.signature)!
    }
    for (const alg of ['none', '', 'hmac-sha512', 'ecdsa-p256-sha256', 'HMAC-SHA256'])
      t.throws(
        () => verifySignature(signed(alg, shared), message, shared),
        { name: 'SignatureProblem', fault: 'algorithm' },
        alg,
      )
    t.ok(verifySignature(signed('hmac-sha256', shared), message, shared))

    // The attack on libraries that ask the message: HMAC with the public key's bytes as the secret.
    const der = pair.publicKey.export({ type: 'spki', format: 'der' })
    const confused = signed('hmac-sha256', sharedKey(der))
    t.throws(() => verifySignature(confused, message, p256), { name: 'SignatureProblem', fault: 'algorithm' })
    const silent = signMessage({ label: 'a', components: ['@method'], parameters }, message, sharedKey(der))
    t.notOk(verifySignature(first(silent.input, silent.signature)!, message, p256))
  },
)

t.test('a signature of another length is wrong, not an error', async (t) => {
  const keys = [
    shared,
    asymmetricKey(generateKeyPairSync('ed25519').publicKey),
    asymmetricKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
  ]
  for (const key of keys) {
    for (const length of [1, 31, 33, 63, 64, 65, 72]) {
      const signature = first('a=("@method")', `a=:${randomBytes(length).toString('base64')}:`)
      t.notOk(verifySignature(signature!, message, key), `${key.algorithm}, ${length} bytes`)
    }
  }
})

t.test('an ECDSA signature in DER is refused', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signing = { label: 'a', components: ['@method'], parameters: {} }
  const made = signMessage(signing, message, asymmetricKey(privateKey))
  t.ok(verifySignature(first(made.input, made.signature)!, message, asymmetricKey(publicKey)))
  const der = sign('sha256', Buffer.from(made.base), privateKey).toString('base64')
  t.notOk(verifySignature(first(made.input, `a=:${der}:`)!, message, asymmetricKey(publicKey)))
})

t.test('other kinds of keys and short secrets are refused', async (t) => {
  t.throws(() => sharedKey(randomBytes(31)), { name: 'SignatureProblem', fault: 'key' })
  const others = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey,
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
    generateKeyPairSync('x25519').publicKey,
    generateKeyPairSync('ed448').publicKey,
  ]
  for (const key of others)
    t.throws(
      () => asymmetricKey(key),
      { name: 'SignatureProblem', fault: 'key' },
      String(key.asymmetricKeyType),
    )
})

t.test('every byte of the message and of the signature counts', async (t) => {
  const made = signMessage(
    { label: 'a', components: ['@method', '@target-uri', 'date'], parameters: { created: 5, nonce: 'n' } },
    message,
    shared,
  )
  const signature = first(made.input, made.signature)!
  t.ok(verifySignature(signature, message, shared))
  const others: HttpMessage[] = [
    { ...message, method: 'PUT' },
    { ...message, scheme: 'http' },
    { ...message, authority: 'register.example.com:8443' },
    { ...message, target: '/a/b?' },
    { ...message, field: () => ['Tue, 20 Apr 2021 02:07:56 GMT'] },
  ]
  for (const other of others) t.notOk(verifySignature(signature, other, shared))
  for (const input of ['created=6;nonce="n"', 'created=5;nonce="m"', 'nonce="n";created=5']) {
    const changed = made.input.replace('created=5;nonce="n"', input)
    t.notOk(verifySignature(first(changed, made.signature)!, message, shared), input)
  }
  t.equal(made.signature, `a=:${createHmac('sha256', shared.key).update(made.base).digest('base64')}:`)
})

t.test('a digest must be one that is known, and every one that is known must fit', async (t) => {
  const body = Buffer.from('{"hello": "world"}')
  const good = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'
  t.ok(digestFits([good], body))
  t.ok(digestFits([`unixsum=:AAAA:, ${good}`], body), 'one that is unknown is passed over')
  t.notOk(digestFits([good, 'sha-512=:AAAA:'], body))
  for (const bad of [[], ['md5=:AAAA:'], ['sha-256'], [good, good], ['sha-256="AAAA"'], ['sha-256=X48E9qOo']])
    t.throws(() => digestFits(bad, body), { name: 'SignatureProblem', fault: 'malformed' }, bad.join())
})
