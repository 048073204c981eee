import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto'
import t from 'tap'
import { oids } from '../../../src/enrollment/asn1/oids.ts'
import {
  algorithm,
  explicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
} from '../../../src/enrollment/asn1/write.ts'
import { buildCertificate, nameOf } from '../../../src/enrollment/ca/build-certificate.ts'
import { CmsError, type Identity } from '../../../src/enrollment/cms/cms.ts'
import { openEnvelope } from '../../../src/enrollment/cms/open-envelope.ts'
import { sealEnvelope } from '../../../src/enrollment/cms/seal-envelope.ts'
import { issuerAndSerial, signData } from '../../../src/enrollment/cms/sign-data.ts'
import { issuerOf } from '../../../src/enrollment/cms/trust.ts'
import { verifySignedData } from '../../../src/enrollment/cms/verify-signed-data.ts'

const content = Buffer.from('<plist/>')
const now = Date.now()
const day = 86_400_000

function newKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

interface Certified {
  readonly serial?: number
  readonly name?: string
  readonly issuer?: { readonly name: string; readonly key: KeyObject }
  readonly notBefore?: number
  readonly notAfter?: number
}

function certified(key: KeyObject, { serial = 1, name = 'one', issuer, ...dates }: Certified = {}): Identity {
  const publicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const der = buildCertificate(
    {
      ...{ serial: Buffer.from([serial]), publicKeyInfo, extensions: [] },
      ...{ issuer: nameOf({ commonName: issuer?.name ?? name }), subject: nameOf({ commonName: name }) },
      ...{ notBefore: now - day, notAfter: now + day, ...dates },
    },
    issuer?.key ?? key,
  )
  return { certificate: new X509Certificate(der), key }
}

const key = newKey()
const signer = certified(key)

function problem(verify: () => unknown): string {
  try {
    verify()
    return 'valid'
  } catch (error) {
    if (error instanceof CmsError) return error.problem
    throw error
  }
}

const attribute = (name: string, ...values: readonly Buffer[]) => sequence(oid(name), setOf(...values))
const contentType = attribute(oids.contentType, oid(oids.data))
const digestOfContent = octetString(createHash('sha256').update(content).digest())
const messageDigest = attribute(oids.messageDigest, digestOfContent)

interface Written {
  /** In the order in which they are sent. */
  readonly attributes?: readonly Buffer[]
  readonly contentType?: string
  readonly signatureOid?: string
  /** What is signed in place of the attributes as DER wants them, or of the content. */
  readonly signs?: Buffer
}

/** A message as no honest writer makes it, with a signature that fits. */
function written({ attributes, signatureOid = oids.rsaEncryption, ...more }: Written): Buffer {
  const sent = attributes && explicit(0, ...attributes)
  const signed = more.signs ?? (attributes === undefined ? content : setOf(...attributes))
  const sha256 = algorithm(oids.sha256, nullValue())
  const info = sequence(
    integer(1),
    issuerAndSerial(signer.certificate),
    sha256,
    ...(sent === undefined ? [] : [sent]),
    algorithm(signatureOid, nullValue()),
    octetString(sign('sha256', signed, key)),
  )
  const encapsulated = sequence(oid(more.contentType ?? oids.data), explicit(0, octetString(content)))
  return sequence(
    oid(oids.signedData),
    explicit(
      0,
      sequence(integer(1), setOf(sha256), encapsulated, explicit(0, signer.certificate.raw), setOf(info)),
    ),
  )
}

const verdict = (message: Buffer) => problem(() => verifySignedData(message))

t.test('of two certificates with one key, the one that the message names has signed', async (t) => {
  const issuer = { name: 'CA', key: newKey() }
  const before = certified(key, { issuer, serial: 5 })
  const after = certified(key, { issuer, serial: 6 })
  const elsewhere = certified(key, { issuer: { ...issuer, name: 'AC' }, serial: 6 })
  for (const other of [before, elsewhere]) {
    const message = signData({ content, signer: after, chain: [other.certificate], signingTime: now })
    const [first, second] = [after.certificate.raw, other.certificate.raw]
    t.equal(first.length, second.length)
    const at = message.indexOf(first)
    const swapped = Buffer.concat([
      message.subarray(0, at),
      ...[second, first],
      message.subarray(at + 2 * first.length),
    ])
    for (const each of [message, swapped])
      t.equal(verifySignedData(each).signer.fingerprint256, after.certificate.fingerprint256)
  }
})

t.test('what is signed is content of this type, once, and whole', async (t) => {
  t.equal(verdict(written({})), 'valid')
  t.equal(verdict(written({ contentType: oids.envelopedData })), 'malformed', 'attributes could pass for it')
  const attributes = [contentType, messageDigest]
  t.equal(verdict(written({ attributes })), 'valid')
  t.equal(verdict(written({ attributes, contentType: oids.envelopedData })), 'signature')
  const short = attribute(oids.messageDigest, octetString(Buffer.alloc(20)))
  t.equal(verdict(written({ attributes: [contentType, short] })), 'signature')
  t.equal(verdict(written({ attributes: [contentType] })), 'malformed')
  t.equal(verdict(written({ attributes: [contentType, messageDigest, messageDigest] })), 'malformed')
  const two = attribute(oids.messageDigest, digestOfContent, octetString(Buffer.alloc(32)))
  const three = attribute(oids.messageDigest, octetString(Buffer.alloc(32, 255)), digestOfContent)
  for (const several of [two, three])
    t.equal(verdict(written({ attributes: [contentType, several] })), 'malformed', 'which one counts?')
})

t.test('the signature’s algorithm is the digest’s and the key’s', async (t) => {
  t.equal(verdict(written({ signatureOid: oids.sha256WithRsa })), 'valid')
  t.equal(verdict(written({ signatureOid: oids.sha512WithRsa })), 'algorithm')
  t.equal(verdict(written({ signatureOid: oids.ecdsaWithSha256 })), 'algorithm')
  t.equal(verdict(written({ signatureOid: oids.data })), 'algorithm')
})

t.test('attributes are signed as they were sent, or in the order of DER', async (t) => {
  const ordered = [contentType, messageDigest].sort(Buffer.compare)
  const attributes = ordered.toReversed()
  const body = Buffer.concat(attributes)
  const asSent = Buffer.concat([Buffer.from([0x31, body.length]), body])
  t.equal(verdict(written({ attributes })), 'valid')
  t.equal(verdict(written({ attributes, signs: asSent })), 'valid')
  t.equal(verdict(written({ attributes, signs: body })), 'signature')
})

t.test('no more certificates and recipients are looked at than anybody sends', async (t) => {
  const many = (count: number) => Array.from({ length: count }, () => signer.certificate)
  const signed = (count: number) => signData({ content, signer, chain: many(count), signingTime: now })
  t.equal(verdict(signed(19)), 'valid')
  t.equal(verdict(signed(20)), 'malformed')
  const opened = (count: number) => () =>
    openEnvelope(sealEnvelope({ content, recipients: many(count) }), { recipients: [signer] })
  t.equal(problem(opened(20)), 'valid')
  t.equal(problem(opened(21)), 'malformed')
})

t.test('a message is opened by whom of us it names, whoever else has the same number', async (t) => {
  const other = certified(newKey(), { name: 'other' })
  const message = sealEnvelope({ content, recipients: [other.certificate] })
  const opened = openEnvelope(message, { recipients: [signer, other] })
  t.equal(opened.recipient, other)
  t.ok(opened.content.equals(content))
})

t.test('an issuer has the name, the key and the days', async (t) => {
  const ca = newKey()
  const authority = certified(ca, { name: 'CA', notAfter: now + 10 * day })
  const sameKey = certified(ca, { name: 'Another' })
  const leaf = certified(key, { issuer: { name: 'CA', key: ca }, notAfter: now + 20 * day })
  const find = (at?: number) =>
    issuerOf(leaf.certificate, [sameKey.certificate, authority.certificate], at === undefined ? {} : { at })
  t.equal(find(), authority.certificate, 'not the one that only has its key')
  t.equal(find(now), authority.certificate)
  t.equal(find(now - 2 * day), undefined, 'not yet')
  t.equal(find(now + 15 * day), undefined, 'the issuer has ended')
  t.equal(find(now + 25 * day), undefined, 'both have')
  const early = certified(key, { issuer: { name: 'CA', key: ca }, notAfter: now + day })
  t.equal(issuerOf(early.certificate, [authority.certificate], { at: now + 2 * day }), undefined)
})
