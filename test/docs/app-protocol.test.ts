import { createHash, createHmac, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { digestFits } from '../../src/lib/http-signatures/content-digest.ts'
import { asymmetricKey, type SignatureKey, sharedKey } from '../../src/lib/http-signatures/keys.ts'
import { readSignatures } from '../../src/lib/http-signatures/signature.ts'
import { type HttpMessage, signatureBase } from '../../src/lib/http-signatures/signature-base.ts'
import { verifySignature } from '../../src/lib/http-signatures/verify.ts'
import { readPublicJwk } from '../../src/lib/public-jwk.ts'

const page = readFileSync(new URL('../../docs/app-protocol.md', import.meta.url), 'utf8')
const vectors = new Map(
  [...page.matchAll(/^<!-- vector ([\w.]+) -->\n```\w+\n([\s\S]*?)\n```$/gm)].map((match) => [
    match[1],
    match[2],
  ]),
)

function vector(name: string): string {
  const text = vectors.get(name)
  if (text === undefined) throw new Error(`the page has no vector ${name}`)
  return text
}

function bytes(name: string): Buffer {
  return Buffer.from(vector(name).replaceAll(/\s/g, ''), 'hex')
}

/** The request of a block of fields, as the gateway sees it. */
function message(name: string): HttpMessage {
  const [line = '', ...fields] = vector(name).split('\n')
  const [method = '', target = ''] = line.split(' ')
  const named = fields.map(
    (field) =>
      [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 2)] as const,
  )
  const all = (wanted: string) => named.filter(([field]) => field === wanted).map(([, value]) => value)
  return { method, target, scheme: 'https', authority: all('host')[0] ?? '', field: all }
}

function signatureOf(asked: HttpMessage, label: string) {
  const found = readSignatures(asked.field('signature-input'), asked.field('signature'))
  const signature = found.find((one) => one.label === label)
  if (signature === undefined) throw new Error(`there is no signature ${label}`)
  return signature
}

function ownPrivateKey() {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes('own.seed')])
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
}

function publicKey(name: string): SignatureKey {
  return asymmetricKey(createPublicKey({ key: JSON.parse(vector(name)), format: 'jwk' }))
}

t.test('the first contact of the page is what plain HMAC and SHA-256 give', async (t) => {
  const key = Buffer.from(vector('contact.secret'), 'base64')
  t.strictSame(key, bytes('contact.key'))
  const digest = createHash('sha256').update(vector('contact.body')).digest()
  t.strictSame(digest, bytes('contact.sha256'))
  const mac = createHmac('sha256', key).update(vector('contact.base')).digest()
  t.strictSame(mac, bytes('contact.mac'))
  const { field } = message('contact.fields')
  t.strictSame(field('content-digest'), [`sha-256=:${digest.toString('base64')}:`])
  const own = sign(null, Buffer.from(vector('contact.ownbase')), ownPrivateKey())
  t.strictSame(own, bytes('contact.ownsignature'))
  t.strictSame(field('signature'), [`app=:${mac.toString('base64')}:, key=:${own.toString('base64')}:`])
  t.strictSame(field('content-length'), [String(Buffer.byteLength(vector('contact.body')))])
})

t.test('its bytes are those of its text', async (t) => {
  const lines = vector('contact.dump').split('\n')
  const dumped = Buffer.from(lines.map((line) => line.slice(6, 53).replaceAll(' ', '')).join(''), 'hex')
  t.equal(dumped.toString(), vector('contact.base'))
  for (const [index, line] of lines.entries()) t.equal(Number.parseInt(line.slice(0, 4), 16), index * 16)
})

t.test(
  'the gateway’s own code takes each request of the page, and builds the base that stands there',
  async (t) => {
    const cases: [string, string, string, SignatureKey][] = [
      ['contact', 'app', 'base', sharedKey(bytes('contact.key'))],
      ['contact', 'key', 'ownbase', publicKey('own.jwk')],
      ['own', 'app', 'base', publicKey('own.jwk')],
      ['p256', 'app', 'base', publicKey('p256.jwk')],
    ]
    for (const [name, label, base, key] of cases) {
      const asked = message(`${name}.fields`)
      const signature = signatureOf(asked, label)
      const expected = vector(`${name}.${base}`)
      t.equal(signatureBase(signature, asked), expected, `${name} ${label}`)
      t.ok(verifySignature(signature, asked, key), `${name} ${label}`)
      t.match(page, new RegExp(`The signature base.*, ${Buffer.byteLength(expected)} bytes:`))
    }
    for (const name of ['contact', 'p256'])
      t.ok(digestFits(message(`${name}.fields`).field('content-digest'), Buffer.from(vector(`${name}.body`))))
  },
)

t.test('the keys of the page and their thumbprints belong together', async (t) => {
  for (const name of ['own', 'p256']) {
    const read = readPublicJwk(JSON.parse(vector(`${name}.jwk`)))
    t.equal(read?.thumbprint, vector(`${name}.keyid`))
    t.equal(read?.json, vector(`${name}.jwk`), 'the very text that the thumbprint is taken of')
  }
  t.strictSame(sign(null, Buffer.from(vector('own.base')), ownPrivateKey()), bytes('own.signature'))
  const [signature] = message('p256.fields').field('signature')
  const jwk = createPublicKey({ key: JSON.parse(vector('p256.jwk')), format: 'jwk' })
  const raw = Buffer.from(signature?.slice(5, -1) ?? '', 'base64')
  t.ok(verify('sha256', Buffer.from(vector('p256.base')), { key: jwk, dsaEncoding: 'ieee-p1363' }, raw))
})

t.test('the body of the page is one that the gateway reads', async (t) => {
  const { readContact } = await import('../../src/gateway/app/contact-body.ts')
  t.match(readContact(Buffer.from(vector('contact.body'))), {
    user: 'alice',
    ids: { udid: '00008110000A1B2C3D4E801E', imei: ['35693803564380'] },
  })
})
