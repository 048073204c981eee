import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import t from 'tap'
import {
  certificateRequest,
  noncesOf,
  readScepReply,
  type ScepReply,
  scepRequest,
  scepTypes,
  temporaryIdentity,
} from '../../../sim/scep-client.ts'
import { oids } from '../../../src/enrollment/asn1/oids.ts'
import {
  algorithm,
  explicit,
  implicitSetOf,
  integer,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
} from '../../../src/enrollment/asn1/write.ts'
import { openProfileSigner } from '../../../src/enrollment/ca/profile-signer.ts'
import type { Identity } from '../../../src/enrollment/cms/cms.ts'
import { sealEnvelope } from '../../../src/enrollment/cms/seal-envelope.ts'
import { issuerAndSerial } from '../../../src/enrollment/cms/sign-data.ts'
import { temporaryFolder } from '../../helpers/certificates.ts'
import { day, rsaKey, type ScepServer, scepServer } from '../../helpers/scep.ts'

interface Asking {
  readonly signer: Identity
  readonly content: Buffer
  readonly type?: string
  readonly transaction?: string
}

async function ask(server: ScepServer, asking: Asking): Promise<ScepReply> {
  const ca = server.service.issuing.certificate
  const answer = await server.post(scepRequest({ ca, at: server.clock.now, ...asking }))
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
  return readScepReply(answer.body, ca, asking.signer)
}

/** An enrolled device: its key and its certificate. */
async function enrolled(server: ScepServer, enrollment: string, transaction = enrollment): Promise<Identity> {
  const key = rsaKey()
  const signer = temporaryIdentity(key, server.clock.now)
  const challenge = await server.challenge(enrollment)
  const content = certificateRequest({ key, commonName: enrollment, challenge })
  const reply = await ask(server, { signer, content, transaction })
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply))
  return { certificate: reply.certificates[0]!, key }
}

async function deviceCertificates({ store }: ScepServer): Promise<number> {
  return (await store.certificates.list({ limit: 100, purpose: 'device' })).length
}

const poll = sequence(integer(0))

/** Signed with SHA-1, which our own writer does not do: as a device of 2012 sends it. */
function signedWithSha1(server: ScepServer, { certificate, key }: Identity, content: Buffer): Buffer {
  const sealed = sealEnvelope({ content, recipients: [server.service.issuing.certificate] })
  const sha1 = algorithm(oids.sha1, nullValue())
  const attributes = [
    [oids.contentType, oid(oids.data)],
    [oids.messageDigest, octetString(createHash('sha1').update(sealed).digest())],
    [oids.messageType, printableString(scepTypes.pkcsReq)],
    [oids.transactionId, printableString('old')],
    [oids.senderNonce, octetString(Buffer.alloc(16, 1))],
  ].map(([name, value]) => sequence(oid(String(name)), setOf(value as Buffer)))
  const info = sequence(
    integer(1),
    issuerAndSerial(certificate),
    sha1,
    implicitSetOf(0, ...attributes),
    algorithm(oids.rsaEncryption, nullValue()),
    octetString(sign('sha1', setOf(...attributes), key)),
  )
  const signed = sequence(
    integer(1),
    setOf(sha1),
    sequence(oid(oids.data), explicit(0, octetString(sealed))),
    explicit(0, certificate.raw),
    setOf(info),
  )
  return sequence(oid(oids.signedData), explicit(0, signed))
}

t.test('a request that is signed with SHA-1 is refused unless the settings allow it', async (t) => {
  for (const legacy of [false, true]) {
    const server = await scepServer(t, { legacy })
    const key = rsaKey()
    const signer = temporaryIdentity(key, server.clock.now)
    const challenge = await server.challenge('UDID-1')
    const content = certificateRequest({ key, commonName: 'UDID-1', challenge })
    const { body } = await server.post(signedWithSha1(server, signer, content))
    const reply = readScepReply(body, server.service.issuing.certificate, signer)
    if (legacy) t.equal(reply.status, 'success')
    else t.match(reply, { status: 'failure', failInfo: '0', text: 'SHA-1 is not accepted' })
    t.equal(await deviceCertificates(server), legacy ? 1 : 0)
  }
})

t.test('a signer that no answer can be encrypted to is told so before anything is looked at', async (t) => {
  const server = await scepServer(t)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = temporaryIdentity(privateKey, server.clock.now)
  const reply = await ask(server, { signer, content: poll, type: scepTypes.certPoll })
  t.match(reply, { status: 'failure', failInfo: '0' })
})

/** RSA of 8,676 bits, of two primes that everybody knows: making one would take a minute. */
function hugeKey(): KeyObject {
  const [p, q, e] = [2n ** 4423n - 1n, 2n ** 4253n - 1n, 65_537n]
  const d = inverse(e, (p - 1n) * (q - 1n))
  const [dp, dq, qi] = [d % (p - 1n), d % (q - 1n), inverse(q, p)]
  const text = (number: bigint) => {
    const hex = number.toString(16)
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
  }
  const [n, ...rest] = [p * q, e, d, p, q, dp, dq, qi].map(text)
  const [exponent, secret, first, second, one, two, three] = rest
  const jwk = { kty: 'RSA', n, e: exponent, d: secret, p: first, q: second, dp: one, dq: two, qi: three }
  return createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
}

function inverse(a: bigint, modulus: bigint): bigint {
  let [r, next, s, after] = [modulus, a, 0n, 1n]
  while (next > 0n) {
    const quotient = r / next
    ;[r, next] = [next, r - quotient * next]
    ;[s, after] = [after, s - quotient * after]
  }
  return ((s % modulus) + modulus) % modulus
}

t.test('keys whose exponent is small or whose size costs too much are refused', async (t) => {
  const server = await scepServer(t)
  const small = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey
  const challenge = await server.challenge('UDID-1')
  for (const key of [small, hugeKey()]) {
    const signer = temporaryIdentity(rsaKey(), server.clock.now)
    const content = certificateRequest({ key, commonName: 'UDID-1', challenge })
    t.match(await ask(server, { signer, content }), { status: 'failure', failInfo: '0' })
  }
  t.equal(await deviceCertificates(server), 0)
})

t.test('what signs profiles gets no certificate of a device for it', async (t) => {
  const server = await scepServer(t)
  const { service, store, clock } = server
  const settings = {
    folder: temporaryFolder(t),
    validity: 365 * day,
    renewalGrace: 90 * day,
    crlLife: day,
    renewBefore: 60 * day,
  }
  const { certificates } = store
  const signer = await openProfileSigner({ settings, service, certificates, now: () => clock.now })
  const content = certificateRequest({ key: rsaKey(), commonName: 'profiles' })
  for (const type of [scepTypes.renewalReq, scepTypes.pkcsReq])
    t.match(await ask(server, { signer, content, type }), { status: 'failure', failInfo: '4' })
  t.equal(await deviceCertificates(server), 0)
})

t.test('nobody renews onto another device’s key', async (t) => {
  const server = await scepServer(t)
  const one = await enrolled(server, 'UDID-1')
  const other = await enrolled(server, 'UDID-2')
  const content = certificateRequest({ key: other.key, commonName: 'UDID-1' })
  const reply = await ask(server, { signer: one, content, type: scepTypes.renewalReq })
  t.match(reply, { status: 'failure', failInfo: '2', text: 'The key belongs to another device' })
  t.equal(await deviceCertificates(server), 2)
})

t.test('who names transactions after the key and keeps it gets a new certificate all the same', async (t) => {
  const server = await scepServer(t)
  const holder = await enrolled(server, 'UDID-1', 'of the key')
  server.clock.now += 200 * day
  const content = certificateRequest({ key: holder.key, commonName: 'UDID-1' })
  const asking = { signer: holder, content, type: scepTypes.renewalReq, transaction: 'of the key' }
  const reply = await ask(server, asking)
  t.equal(reply.status, 'success')
  t.not(reply.status === 'success' && reply.certificates[0]?.serialNumber, holder.certificate.serialNumber)
})

t.test('a certificate that was revoked or has ended is not handed out once more', async (t) => {
  const server = await scepServer(t)
  const { key, certificate } = await enrolled(server, 'UDID-1', 'x')
  const signer = temporaryIdentity(key, server.clock.now)
  const asking = { signer, content: poll, type: scepTypes.certPoll, transaction: 'x' }
  t.equal((await ask(server, asking)).status, 'success')
  const by = { name: 'root', why: 'lost', at: server.clock.now }
  await server.store.certificates.revoke(certificate.serialNumber, 'keyCompromise', by)
  t.match(await ask(server, asking), {
    status: 'failure',
    failInfo: '4',
    text: 'The certificate was revoked',
  })
  const late = await enrolled(server, 'UDID-2', 'y')
  server.clock.now += 366 * day
  const again = { ...asking, signer: temporaryIdentity(late.key, server.clock.now), transaction: 'y' }
  t.match(await ask(server, again), { status: 'failure', failInfo: '3', text: 'The certificate has ended' })
})

t.test('addresses that one subscriber has are counted as one', async (t) => {
  const busy = await scepServer(t, { requests: 2 })
  const get = (source: string) =>
    busy.handle({ method: 'GET', query: 'operation=GetCACaps', body: Buffer.alloc(0), source })
  const answers = [await get('2001:db8::1'), await get('2001:db8::2'), await get('2001:db8:0:0:ffff::3')]
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 429],
  )
  t.equal((await get('2001:db8:0:1::1')).status, 200, 'the next subscriber')
  const guessed = await scepServer(t, { attempts: 1 })
  const key = rsaKey()
  const signer = temporaryIdentity(key, guessed.clock.now)
  const content = certificateRequest({ key, commonName: 'UDID-1', challenge: 'guessed' })
  const { certificate: ca } = guessed.service.issuing
  const body = scepRequest({ ca, signer, content, at: guessed.clock.now })
  const guess = (source: string) =>
    guessed.handle({ method: 'POST', query: 'operation=PKIOperation', body, source })
  t.equal((await guess('2001:db8::1')).status, 200)
  t.equal((await guess('2001:db8::2')).status, 429)
})

t.test('each refusal is told to whoever keeps the log, with its reason', async (t) => {
  const server = await scepServer(t)
  await server.enroll({ key: rsaKey(), commonName: 'UDID-1', challenge: 'guessed' })
  await server.post(Buffer.from('garbage'))
  t.match(server.decided, [
    { source: '127.0.0.5', outcome: 'refused', detail: 'The challenge is not valid' },
    { source: '127.0.0.5', outcome: 'refused', transaction: '', detail: String },
  ])
})

t.test('a transaction without a name, or with one that the record cannot keep, is not read', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const signer = temporaryIdentity(rsaKey(), server.clock.now)
  const status = async (transaction: string) => {
    const type = scepTypes.certPoll
    const body = scepRequest({ ca, signer, content: poll, type, transaction, at: server.clock.now })
    return (await server.post(body)).status
  }
  t.equal(await status(''), 400)
  t.equal(await status('x'.repeat(256)), 400)
  t.equal(await status('x'.repeat(255)), 200)
  t.equal(await status('a\0b'), 400, 'what not every record can keep')
})

t.test('each answer has a nonce of its own, and is kept by nobody on the way', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const signer = temporaryIdentity(rsaKey(), server.clock.now)
  const type = scepTypes.certPoll
  const body = scepRequest({ ca, signer, content: poll, type, transaction: 'x', at: server.clock.now })
  const answers = [await server.post(body), await server.post(body)]
  t.equal(new Set(answers.map((answer) => noncesOf(answer.body).sender.toString('hex'))).size, 2)
  for (const { headers } of answers) t.equal(new Map(headers).get('Cache-Control'), 'no-store')
})

t.test(
  'a device has so many renewals that are good at a time, so that all can be revoked at once',
  async (t) => {
    const server = await scepServer(t)
    const holder = await enrolled(server, 'UDID-1')
    const content = certificateRequest({ key: rsaKey(), commonName: 'UDID-1' })
    const renew = (transaction: string, signer = holder) =>
      ask(server, { signer, content, type: scepTypes.renewalReq, transaction })
    for (let index = 0; index < 20; index++) t.equal((await renew(`r${index}`)).status, 'success')
    t.match(await renew('one-more'), { status: 'failure', failInfo: '2' })
    t.equal((await renew('r7')).status, 'success', 'an answer that was lost is given again')
    const other = await enrolled(server, 'UDID-2')
    const theirs = certificateRequest({ key: rsaKey(), commonName: 'UDID-2' })
    const asked = { signer: other, content: theirs, type: scepTypes.renewalReq, transaction: 'r' }
    t.equal((await ask(server, asked)).status, 'success', 'another device has its own')
    server.clock.now += 366 * day
    t.equal((await renew('a-year-later')).status, 'success', 'those that have ended count no more')
  },
)
