import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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
import { printableString, sequence } from '../../../src/enrollment/asn1/write.ts'
import { nameOf } from '../../../src/enrollment/ca/build-certificate.ts'
import type { Identity } from '../../../src/enrollment/cms/cms.ts'
import { readDegenerate } from '../../../src/enrollment/cms/read-degenerate.ts'
import { sealEnvelope } from '../../../src/enrollment/cms/seal-envelope.ts'
import { signData } from '../../../src/enrollment/cms/sign-data.ts'
import { openssl } from '../../helpers/openssl.ts'
import { day, rsaKey, type ScepServer, scepServer } from '../../helpers/scep.ts'

function certificate(reply: ScepReply): X509Certificate {
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply))
  return reply.certificates[0]!
}

function get(server: ScepServer, query: string) {
  return server.handle({ method: 'GET', query, body: Buffer.alloc(0), source: '127.0.0.5' })
}

async function issuedCount({ store }: ScepServer): Promise<number> {
  return (await store.certificates.list({ limit: 100, purpose: 'device' })).length
}

t.test(
  'a device with a challenge gets the certificate that its challenge says, whatever it asks for',
  async (t) => {
    const server = await scepServer(t)
    const challenge = await server.challenge('UDID-1')
    const key = rsaKey()
    const reply = await server.enroll({ key, commonName: 'UDID-1', challenge })
    const issued = certificate(reply)
    t.ok(issued.checkPrivateKey(key))
    t.ok(issued.verify(server.service.issuing.certificate.publicKey))
    t.equal(issued.subject, 'O=Example Corp\nCN=UDID-1')
    t.equal(issued.ca, false)
    t.match(await server.store.certificates.bySerial(issued.serialNumber), {
      enrollment: 'UDID-1',
      user: 'ann',
    })
    t.match(server.decided, [{ outcome: 'issued', enrollment: 'UDID-1', serial: issued.serialNumber }])
    t.equal(
      reply.status === 'success' && reply.certificates[1]?.fingerprint256,
      server.service.issuing.certificate.fingerprint256,
    )
  },
)

t.test('the CA and what the server can do are told in the types that clients compare', async (t) => {
  const server = await scepServer(t)
  const caps = await get(server, 'operation=GetCACaps')
  t.strictSame(caps.body.toString().split('\n').sort(), [
    'AES',
    'POSTPKIOperation',
    'Renewal',
    'SCEPStandard',
    'SHA-256',
    'SHA-512',
  ])
  const ca = await get(server, 'operation=GetCACert&message=0')
  t.strictSame(ca.headers[0], ['Content-Type', 'application/x-x509-ca-cert'])
  t.ok(ca.body.equals(server.service.issuing.certificate.raw))
  const legacy = await get(await scepServer(t, { legacy: true }), 'operation=GetCACaps')
  t.match(legacy.body.toString(), /SHA-1\nDES3/)
  t.equal((await get(server, 'operation=Nonsense')).status, 404)
  t.equal((await get(server, 'operation=GetNextCACert')).status, 404, 'no roll-over is staged')
  t.equal((await server.handle({ method: 'PUT', query: '', body: Buffer.alloc(0), source: '' })).status, 405)
})

t.test('requests come by POST and by GET in each kind of base64', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const key = rsaKey()
  const signer = temporaryIdentity(key, server.clock.now)
  const content = certificateRequest({
    key,
    commonName: 'UDID-1',
    challenge: await server.challenge('UDID-1'),
  })
  const message = scepRequest({ ca, signer, content, at: server.clock.now })
  const base64 = message.toString('base64')
  const lines = base64.replaceAll(/.{64}/g, '$&\n')
  const forms = [
    encodeURIComponent(lines),
    encodeURIComponent(lines.replaceAll('\n', '\r\n')),
    base64.replaceAll('+', '%20'),
    encodeURIComponent(base64.replaceAll('=', '')),
    encodeURIComponent(base64),
    base64.replaceAll('=', '%3D'),
    message.toString('base64url'),
    base64,
  ]
  const answers = await Promise.all(
    forms.map((form) => get(server, `operation=PKIOperation&message=${form}`)),
  )
  answers.push(await server.handle({ method: 'POST', query: '', body: message, source: '127.0.0.5' }))
  const serials = answers.map(({ body }) => certificate(readScepReply(body, ca, signer)).serialNumber)
  t.equal(new Set(serials).size, 1, 'and the same request gets the same certificate')
  t.equal(serials.length, 9)
  for (const bad of ['', 'message=', 'message=%', 'message=%20', 'message=AAAA', 'message=é'])
    t.equal((await get(server, `operation=PKIOperation&${bad}`)).status, 400, bad)
})

t.test(
  'the answer echoes transaction and nonce, whatever their size, and uses the request’s cipher',
  async (t) => {
    const server = await scepServer(t)
    const ca = server.service.issuing.certificate
    const key = rsaKey()
    const signer = temporaryIdentity(key, server.clock.now)
    const content = certificateRequest({
      key,
      commonName: 'UDID-1',
      challenge: await server.challenge('UDID-1'),
    })
    for (const nonce of [Buffer.alloc(0), Buffer.alloc(16, 7), Buffer.alloc(64, 9)])
      for (const cipher of ['aes-128-cbc', 'aes-256-cbc'] as const) {
        const message = scepRequest({
          ca,
          signer,
          content,
          nonce,
          cipher,
          transaction: '9'.repeat(78),
          at: server.clock.now,
        })
        const { body } = await server.post(message)
        t.ok(noncesOf(body).recipient.equals(nonce))
        t.equal(noncesOf(body).sender.length, 16)
        t.ok(certificate(readScepReply(body, ca, signer)))
      }
    const tooLong = scepRequest({ ca, signer, content, nonce: Buffer.alloc(65), at: server.clock.now })
    t.equal((await server.post(tooLong)).status, 400)
  },
)

t.test('a wrong, used, expired or foreign challenge gives nothing', async (t) => {
  const server = await scepServer(t)
  const challenge = await server.challenge('UDID-1')
  const key = rsaKey()
  const refusal = async (change: Partial<Parameters<ScepServer['enroll']>[0]>) => {
    const reply = await server.enroll({ key: rsaKey(), commonName: 'UDID-1', challenge, ...change })
    return reply.status === 'failure' ? reply.text : 'success'
  }
  t.equal(await refusal({ challenge: 'guessed' }), 'The challenge is not valid')
  t.equal(await refusal({ challenge: '' }), 'The challenge is not valid')
  const none = await server.enroll({ key, commonName: 'UDID-1' })
  t.match(none, { status: 'failure', failInfo: '2', text: 'The challenge is missing' })
  t.equal(await refusal({ commonName: 'UDID-2' }), 'The challenge is for another name')
  t.equal(await issuedCount(server), 0)
  t.equal((await server.enroll({ key, commonName: 'UDID-1', challenge })).status, 'success')
  t.equal(await refusal({}), 'The challenge was used')
  t.equal(
    await refusal({ key, challenge: await server.challenge('UDID-2'), commonName: 'UDID-2' }),
    'The key belongs to another device',
  )
  const late = await server.challenge('UDID-1')
  server.clock.now += 60 * 60 * 1000
  t.equal(await refusal({ challenge: late }), 'The challenge has expired')
  t.equal(await issuedCount(server), 1)
  t.equal(
    (await server.enroll({ key, commonName: 'UDID-1', challenge })).status,
    'success',
    'the same key may ask again',
  )
  t.equal(await issuedCount(server), 1)
})

t.test('who guesses challenges has to wait', async (t) => {
  const server = await scepServer(t, { attempts: 2 })
  const guess = () => server.enroll({ key: rsaKey(), commonName: 'UDID-1', challenge: 'guessed' })
  await guess()
  await guess()
  await t.rejects(guess(), /^429|429/)
  const busy = await scepServer(t, { requests: 1 })
  await get(busy, 'operation=GetCACaps')
  t.equal((await get(busy, 'operation=GetCACaps')).status, 429)
})

t.test('keys that are too short, elliptic, or not the signer’s are refused', async (t) => {
  const server = await scepServer(t)
  const challenge = await server.challenge('UDID-1')
  const short = await server.enroll({ key: rsaKey(1024), commonName: 'UDID-1', challenge })
  t.match(short, { status: 'failure', failInfo: '0' })
  const other = temporaryIdentity(rsaKey(), server.clock.now)
  const foreign = await server.enroll({ key: rsaKey(), commonName: 'UDID-1', challenge, signer: other })
  t.match(foreign, { status: 'failure', failInfo: '2' })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const elliptic = await server.enroll({ key: ec, commonName: 'UDID-1', challenge })
  t.match(elliptic, { status: 'failure', failInfo: '0' })
  t.equal(await issuedCount(server), 0)
})

t.test('SHA-1 and triple DES are refused with badAlg unless the settings allow them', async (t) => {
  for (const legacy of [false, true]) {
    const server = await scepServer(t, { legacy })
    const ca = server.service.issuing.certificate
    const key = rsaKey()
    const signer = temporaryIdentity(key, server.clock.now)
    const content = certificateRequest({
      key,
      commonName: 'UDID-1',
      challenge: await server.challenge('UDID-1'),
    })
    const { body } = await server.post(
      scepRequest({ ca, signer, content, cipher: 'des-ede3-cbc', at: server.clock.now }),
    )
    const reply = readScepReply(body, ca, signer)
    if (legacy) t.equal(reply.status, 'success')
    else t.match(reply, { status: 'failure', failInfo: '0' })
  }
})

t.test(
  'a certificate is renewed with a message that it signs, also one that has expired not too long ago',
  async (t) => {
    const server = await scepServer(t)
    const ca = server.service.issuing.certificate
    const key = rsaKey()
    const first = certificate(
      await server.enroll({ key, commonName: 'UDID-1', challenge: await server.challenge('UDID-1') }),
    )
    const holder: Identity = { certificate: first, key }
    server.clock.now += (365 + 89) * day
    const fresh = rsaKey()
    const content = certificateRequest({ key: fresh, commonName: 'anything' })
    const message = scepRequest({
      ca,
      signer: holder,
      content,
      type: scepTypes.renewalReq,
      transaction: 'r',
      at: server.clock.now,
    })
    const renewed = certificate(readScepReply((await server.post(message)).body, ca, holder))
    t.ok(renewed.checkPrivateKey(fresh))
    t.equal(renewed.subject, first.subject)
    t.match(await server.store.certificates.bySerial(renewed.serialNumber), {
      predecessor: first.serialNumber,
      user: 'ann',
    })
    const again = certificate(readScepReply((await server.post(message)).body, ca, holder))
    t.equal(again.serialNumber, renewed.serialNumber, 'the answer was lost')
    const old = await server.enroll({ key: rsaKey(), commonName: 'x', signer: holder })
    t.equal(old.status, 'success', 'as an ordinary request')
    server.clock.now += 2 * day
    t.match(
      await server.enroll({ key: rsaKey(), commonName: 'x', signer: holder }),
      { failInfo: '3' },
      'too long ago',
    )
  },
)

t.test(
  'a revoked certificate, one of another CA and one with our issuer’s name are not renewed',
  async (t) => {
    const server = await scepServer(t)
    const ca = server.service.issuing.certificate
    const key = rsaKey()
    const first = certificate(
      await server.enroll({ key, commonName: 'UDID-1', challenge: await server.challenge('UDID-1') }),
    )
    const tool = openssl(t)
    tool.run(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-subj',
      `/${ca.subject.replace('\n', '/')}`,
    )
    tool.file('device.key', key.export({ type: 'pkcs8', format: 'pem' }))
    tool.run('req', '-new', '-key', 'device.key', '-out', 'device.csr', '-subj', '/O=Example Corp/CN=UDID-1')
    tool.run(
      'x509',
      '-req',
      '-in',
      'device.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-set_serial',
      `0x${first.serialNumber}`,
      '-out',
      'forged.crt',
    )
    const forged = new X509Certificate(readFileSync(join(tool.folder, 'forged.crt')))
    t.equal(forged.issuer, first.issuer)
    t.equal(forged.serialNumber, first.serialNumber)
    for (const certificate of [forged, temporaryIdentity(key, server.clock.now).certificate]) {
      const content = certificateRequest({ key: rsaKey(), commonName: 'UDID-1' })
      const signer = { certificate, key }
      const message = scepRequest({ ca, signer, content, type: scepTypes.renewalReq, at: server.clock.now })
      t.match(readScepReply((await server.post(message)).body, ca, signer), {
        status: 'failure',
        failInfo: '4',
      })
    }
    await server.store.certificates.revoke(first.serialNumber, 'keyCompromise', {
      name: 'root',
      why: 'lost',
      at: server.clock.now,
    })
    const revoked = await server.enroll({
      key: rsaKey(),
      commonName: 'UDID-1',
      signer: { certificate: first, key },
    })
    t.match(revoked, { status: 'failure', failInfo: '4' })
    t.equal(await issuedCount(server), 1)
  },
)

t.test('a client that missed its answer polls for it, with the key of its request', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const key = rsaKey()
  const signer = temporaryIdentity(key, server.clock.now)
  const request = certificateRequest({
    key,
    commonName: 'UDID-1',
    challenge: await server.challenge('UDID-1'),
  })
  await server.post(scepRequest({ ca, signer, content: request, transaction: 'x', at: server.clock.now }))
  const content = sequence(nameOf({ commonName: 'CA' }), nameOf({ commonName: 'UDID-1' }))
  const poll = async (by: Identity, transaction: string) => {
    const message = scepRequest({
      ca,
      signer: by,
      content,
      type: scepTypes.certPoll,
      transaction,
      at: server.clock.now,
    })
    return readScepReply((await server.post(message)).body, ca, by)
  }
  t.equal((await poll(signer, 'x')).status, 'success')
  t.match(await poll(signer, 'y'), { failInfo: '4' })
  t.match(await poll(temporaryIdentity(rsaKey(), server.clock.now), 'x'), { failInfo: '4' })
})

t.test('the answer to a poll does not tell whether its content can be decrypted', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const signer = temporaryIdentity(rsaKey(), server.clock.now)
  const sealed = sealEnvelope({
    content: sequence(nameOf({ commonName: 'CA' }), nameOf({ commonName: 'UDID-1' })),
    recipients: [ca],
  })
  // The last block: another padding, as somebody sends it who tries each byte in turn.
  const badlyPadded = Buffer.from(sealed)
  badlyPadded.writeUInt8(sealed.at(-1)! ^ 1, sealed.length - 1)
  const answers: unknown[] = []
  for (const content of [sealed, badlyPadded]) {
    const attributes = new Map([
      [oids.messageType, printableString(scepTypes.certPoll)],
      [oids.transactionId, printableString('x')],
    ])
    const answer = await server.post(signData({ content, signer, attributes, signingTime: server.clock.now }))
    answers.push({
      status: answer.status,
      ...(answer.status === 200 && readScepReply(answer.body, ca, signer)),
    })
  }
  t.match(answers[0], { status: 'failure', failInfo: '4' })
  t.strictSame(answers[1], answers[0])
})

t.test('what cannot be read, verified or decrypted gets one answer and has no effect', async (t) => {
  const server = await scepServer(t)
  const ca = server.service.issuing.certificate
  const key = rsaKey()
  const signer = temporaryIdentity(key, server.clock.now)
  const challenge = await server.challenge('UDID-1')
  const content = certificateRequest({ key, commonName: 'UDID-1', challenge })
  const at = server.clock.now
  const message = scepRequest({ ca, signer, content, at })
  const flipped = (der: Buffer, from: number) => {
    const changed = Buffer.from(der)
    changed[from] = changed[from]! ^ 1
    return changed
  }
  const badRequest = flipped(content, content.length - 1)
  const bodies: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.from('GET / HTTP/1.1')],
    ['truncated', message.subarray(0, -1)],
    ['huge', Buffer.alloc(64 * 1024 + 1, 0x30)],
    [
      'nested deeply',
      Buffer.concat([
        Buffer.from('3080'.repeat(20_000), 'hex'),
        Buffer.from('0000'.repeat(20_000), 'hex'),
      ]).subarray(0, 60_000),
    ],
    ['a signature that does not fit', flipped(message, message.length - 1)],
    ['no envelope', signData({ content, signer, signingTime: at })],
    ['to somebody else', scepRequest({ ca: signer.certificate, signer, content, at })],
    ['not a request', scepRequest({ ca, signer, content: Buffer.from('hello'), at })],
    ['a request that is not signed with its key', scepRequest({ ca, signer, content: badRequest, at })],
    [
      'attributes of no message',
      signData({ content: sealEnvelope({ content, recipients: [ca] }), signer, signingTime: at }),
    ],
  ]
  const answers = new Set<string>()
  for (const [what, body] of bodies) {
    const answer = await server.post(body)
    t.equal(answer.status, 400, what)
    answers.add(JSON.stringify(answer))
  }
  t.equal(answers.size, 1)
  t.match(
    readScepReply((await server.post(scepRequest({ ca, signer, content, type: '21', at }))).body, ca, signer),
    { failInfo: '2' },
  )
  t.equal(await issuedCount(server), 0)
  t.match(await server.post(message), { status: 200 }, 'the challenge is still good')
})

t.test(
  'a request that was encrypted to the CA before the rotation is answered by that one, and issued by the new one',
  async (t) => {
    const server = await scepServer(t)
    const before = server.service.issuing.certificate
    const key = rsaKey()
    const signer = temporaryIdentity(key, server.clock.now)
    // Its certificate is what keeps the old one trusted.
    await server.enroll({ key: rsaKey(), commonName: 'UDID-2', challenge: await server.challenge('UDID-2') })
    const content = certificateRequest({
      key,
      commonName: 'UDID-1',
      challenge: await server.challenge('UDID-1'),
    })
    await server.rotate()
    const { body } = await server.post(scepRequest({ ca: before, signer, content, at: server.clock.now }))
    const issued = certificate(readScepReply(body, before, signer))
    t.not(server.service.issuing.certificate.fingerprint256, before.fingerprint256)
    t.ok(issued.verify(server.service.issuing.certificate.publicKey))
  },
)

t.test('a chain is sent as a list, the issuing certificate first', async (t) => {
  const server = await scepServer(t)
  t.strictSame(readDegenerate(Buffer.from((await degenerateOf(server)).body)).length, 2)
})

async function degenerateOf(server: ScepServer) {
  const { service } = server
  Object.defineProperty(service, 'issuing', {
    value: { ...service.issuing, chain: [temporaryIdentity(rsaKey(), server.clock.now).certificate] },
  })
  return get(server, 'operation=GetCACert')
}

t.test(
  'what a request asks for beside its key is in no certificate, and its own signature counts',
  async (t) => {
    const server = await scepServer(t)
    const ca = server.service.issuing.certificate
    const challenge = await server.challenge('UDID-1')
    const tool = openssl(t)
    const key = rsaKey()
    tool.file('device.key', key.export({ type: 'pkcs8', format: 'pem' }))
    tool.file(
      'request.cnf',
      `[req]
distinguished_name = name
attributes = attributes
req_extensions = extensions
prompt = no
[name]
O = Another Corp
OU = Administrators
CN = UDID-1
[attributes]
challengePassword = ${challenge}
unstructuredName = administrator
[extensions]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
extendedKeyUsage = serverAuth,codeSigning
subjectAltName = DNS:mail.example.com,email:root@example.com
1.2.3.4.5 = critical,ASN1:UTF8String:anything
`,
    )
    tool.run(
      ...[
        'req',
        '-new',
        '-key',
        'device.key',
        '-config',
        'request.cnf',
        '-outform',
        'DER',
        '-out',
        'request.der',
      ],
    )
    const content = readFileSync(join(tool.folder, 'request.der'))
    const signer = temporaryIdentity(key, server.clock.now)
    const post = (request: Buffer) =>
      server.post(scepRequest({ ca, signer, content: request, at: server.clock.now }))
    const forged = Buffer.from(content)
    forged[forged.length - 1]! ^= 1
    t.equal((await post(forged)).status, 400, 'not signed with its own key')
    t.equal(await issuedCount(server), 0)
    const issued = certificate(readScepReply((await post(content)).body, ca, signer))
    t.equal(issued.subject, 'O=Example Corp\nCN=UDID-1')
    t.equal(issued.ca, false)
    tool.file('issued.crt', issued.toString())
    const text = tool.run('x509', '-in', 'issued.crt', '-noout', '-text').toString()
    for (const asked of ['CA:TRUE', 'Certificate Sign', 'Server Authentication', 'Code Signing', '1.2.3.4.5'])
      t.notMatch(text, asked)
    for (const asked of [
      'mail.example.com',
      'root@example.com',
      'Administrators',
      'administrator',
      challenge,
    ])
      t.notMatch(text, asked)
  },
)
