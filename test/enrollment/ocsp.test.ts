import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { childrenOf, readAsn1 } from '../../src/enrollment/asn1/read.ts'
import { encode, explicit, integer, octetString, oid, sequence } from '../../src/enrollment/asn1/write.ts'
import {
  addOwn,
  CertificateService,
  type CertificateServiceOptions,
} from '../../src/enrollment/ca/certificate-service.ts'
import { certificateOf } from '../../src/enrollment/ca/issue.ts'
import { createOcspResponder, type OcspOutcome } from '../../src/enrollment/ocsp/ocsp.ts'
import { startListener } from '../../src/enrollment/web/listener.ts'
import type { Visit } from '../../src/enrollment/web/visit.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { defaultLimits } from '../helpers/limits.ts'
import { openssl, selfSigned } from '../helpers/openssl.ts'
import { day, rsaKey } from '../helpers/scep.ts'

const run = promisify(execFile)

async function responder(t: Test, { requests = 1000 }: { readonly requests?: number } = {}) {
  const tool = openssl(t)
  const clock = { now: Date.now() }
  const now = () => clock.now
  const store = await openSqliteStore(join(tool.folder, 'record.db'), { now })
  let ids = 0
  const options: CertificateServiceOptions = {
    store,
    settings: {
      ...{ folder: join(tool.folder, 'ca'), validity: 365 * day, renewalGrace: 90 * day, crlLife: day },
      renewBefore: 30 * day,
    },
    organisation: 'Example Corp',
    publicUrl: 'https://mdm.example.com',
    now,
    newId: () => `test${++ids}`,
  }
  const service = await CertificateService.open(options)
  const outcomes: OcspOutcome[] = []
  const away = { record: false }
  let hits = 0
  const respond = createOcspResponder({
    service,
    certificates: {
      async bySerial(serial) {
        if (away.record) throw new RecordUnavailable('busy', 'away')
        return store.certificates.bySerial(serial)
      },
    },
    counters: { hit: async () => ++hits },
    settings: { requests },
    now,
    onAnswered: (outcome) => outcomes.push(outcome),
  })
  const listener = await startListener({
    settings: { listen: { scheme: 'http', host: '127.0.0.1', port: 0 }, trustedProxies: [] },
    limits: defaultLimits,
    random: systemRandom(),
    now,
    answer: async (visit: Visit) => (await respond(visit)) ?? { status: 404, headers: [], body: '' },
    onAnswered() {},
  } as unknown as Parameters<typeof startListener>[0]) // the parts of its settings that it looks at
  t.teardown(async () => {
    await listener.close()
    await store.close()
  })
  const issue = async (name: string) => {
    const publicKeyInfo = createPublicKey(rsaKey()).export({ type: 'spki', format: 'der' })
    const outcome = await service.issue({ publicKeyInfo, purpose: 'device', enrollment: name })
    if (outcome.outcome !== 'issued') throw new Error(outcome.outcome)
    tool.file(`${name}.crt`, certificateOf(outcome.certificate).toString())
    return outcome.certificate
  }
  tool.file('ca.crt', service.issuing.certificate.toString())
  /** What `openssl ocsp` says, having verified the answer. */
  const ask = async (...parameters: string[]) => {
    const { stdout, stderr } = await run(
      'openssl',
      ['ocsp', '-issuer', 'ca.crt', '-CAfile', 'ca.crt', '-url', `${listener.url}/ocsp`, ...parameters],
      { cwd: tool.folder },
    )
    return `${stderr}${stdout}`
  }
  const revoke = async (serial: string) => {
    await store.certificates.revoke(serial, 'keyCompromise', { name: 'root', why: 'x', at: clock.now })
    await service.refresh()
  }
  /** A question as OpenSSL writes it. */
  const question = (...parameters: string[]) => {
    tool.run('ocsp', '-issuer', 'ca.crt', '-reqout', 'question', ...parameters)
    return readFileSync(join(tool.folder, 'question'))
  }
  return {
    tool,
    clock,
    store,
    service,
    options,
    outcomes,
    away,
    url: listener.url,
    issue,
    ask,
    revoke,
    question,
  }
}

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly caching: string | undefined
  readonly body: Buffer
}

function send(url: string, path: string, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = httpRequest(
      { hostname, port, path, method: body ? 'POST' : 'GET', agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const { 'content-type': type, 'cache-control': caching } = response.headers
          resolve({ status: response.statusCode ?? 0, type, caching, body: Buffer.concat(chunks) })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** OCSPResponseStatus: malformedRequest, tryLater, unauthorized. */
const malformed = '30030a0101'
const tryLater = '30030a0103'
const unauthorized = '30030a0106'

t.test('OpenSSL asks and verifies: good, revoked with time and reason, unknown', async (t) => {
  const { tool, issue, ask, revoke, outcomes } = await responder(t)
  const [kept, lost] = [await issue('kept'), await issue('lost')]
  t.match(
    tool.run('x509', '-in', 'kept.crt', '-noout', '-ocsp_uri').toString().trim(),
    'https://mdm.example.com/ocsp',
  )
  for (const digest of ['-sha1', '-sha256']) {
    const said = await ask(digest, '-cert', 'kept.crt')
    t.match(said, 'Response verify OK')
    t.match(said, 'kept.crt: good')
    t.notMatch(said, /WARNING: no nonce/)
  }
  t.match(await ask('-no_nonce', '-cert', 'lost.crt'), 'lost.crt: good')
  await revoke(lost.serial)
  const said = await ask('-no_nonce', '-cert', 'lost.crt')
  t.match(
    said,
    /Response verify OK[\s\S]*lost\.crt: revoked[\s\S]*Reason: keyCompromise[\s\S]*Revocation Time: /,
  )
  t.match(await ask('-serial', '0x0a0b0c'), '0x0a0b0c: unknown')
  const several = await ask('-cert', 'kept.crt', '-cert', 'lost.crt')
  t.match(several, /kept\.crt: good[\s\S]*lost\.crt: revoked/)
  t.strictSame(outcomes, ['good', 'good', 'good', 'revoked', 'unknown', 'good'])
  t.equal((await ask('-text', '-serial', `0x${kept.serial}`)).includes('Next Update'), true)
})

t.test(
  'an answer without a nonce is signed once, until anything is revoked or it has grown old',
  async (t) => {
    const { url, issue, question, revoke, clock } = await responder(t)
    const [, other] = [await issue('kept'), await issue('other')]
    const plain = question('-no_nonce', '-cert', 'kept.crt')
    const ask = () => send(url, '/ocsp', plain)
    const first = await ask()
    t.match(first, { status: 200, type: 'application/ocsp-response', caching: 'no-store' })
    clock.now += 60_000
    t.ok((await ask()).body.equals(first.body))
    await revoke(other.serial)
    const second = await ask()
    t.notOk(second.body.equals(first.body))
    clock.now += 31 * 60_000
    t.notOk((await ask()).body.equals(second.body))
  },
)

t.test(
  'a question comes by GET in each kind of base64, and its answer may be kept on the way for a while',
  async (t) => {
    const { url, issue, question } = await responder(t)
    await issue('kept')
    const plain = question('-no_nonce', '-cert', 'kept.crt')
    const { body } = await send(url, '/ocsp', plain)
    const base64 = plain.toString('base64')
    for (const form of [encodeURIComponent(base64), base64, plain.toString('base64url')]) {
      const answer = await send(url, `/ocsp/${form}`)
      t.ok(answer.body.equals(body))
      t.equal(answer.caching, 'public, no-transform, max-age=300')
    }
    const withNonce = await send(url, `/ocsp/${question('-cert', 'kept.crt').toString('base64url')}`)
    t.equal(withNonce.caching, 'no-store')
    t.equal((await send(url, '/ocsp')).status, 404)
  },
)

/** A request made by hand: the CertID of `question`, and parts that are wrong. */
function variants(question: Buffer) {
  const list = childrenOf(childrenOf(readAsn1(question))[0])[0]!
  const request = encode(childrenOf(list)[0]!)
  const id = encode(childrenOf(childrenOf(list)[0])[0]!)
  const extensions = (...all: Buffer[]) => explicit(2, sequence(...all))
  const nonce = (bytes: Buffer) => sequence(oid('1.3.6.1.5.5.7.48.1.2'), octetString(bytes))
  const whole = (...parts: Buffer[]) => sequence(sequence(...parts))
  const [digest, , keyHash, serial] = childrenOf(readAsn1(id)).map((one) => encode(one))
  const named = (name: Buffer, number = serial!) => sequence(digest!, octetString(name), keyHash!, number)
  const tolerated = sequence(oid('1.3.6.1.5.5.7.48.1.4'), Buffer.from([1, 1, 0]), octetString(id))
  const critical = sequence(oid('1.3.6.1.5.5.7.48.1.4'), Buffer.from([1, 1, 0xff]), octetString(id))
  return {
    id,
    /** The same key and serial number under another name. */
    otherName: named(Buffer.alloc(20, 7)),
    about: (...ids: readonly Buffer[]) => whole(sequence(...ids.map((one) => sequence(one)))),
    fine: {
      'an extension that need not be known': whole(sequence(request), extensions(tolerated)),
      plain: whole(sequence(request)),
      'a version': whole(explicit(0, integer(0)), sequence(request)),
      'a long nonce': whole(sequence(request), extensions(nonce(octetString(Buffer.alloc(128, 1))))),
      'a signature': sequence(sequence(sequence(request)), explicit(0, sequence())),
      'eight ids': whole(sequence(...new Array<Buffer>(8).fill(request))),
    },
    wrong: {
      nothing: Buffer.from('x'),
      'no id': whole(sequence()),
      'nine ids': whole(sequence(...new Array<Buffer>(9).fill(request))),
      'another version': whole(explicit(0, integer(1)), sequence(request)),
      'something behind': Buffer.concat([question, Buffer.from([0])]),
      'two nonces': whole(sequence(request), extensions(nonce(Buffer.from('1')), nonce(Buffer.from('2')))),
      'an empty nonce': whole(sequence(request), extensions(nonce(Buffer.alloc(0)))),
      'a nonce that is too long': whole(sequence(request), extensions(nonce(Buffer.alloc(132)))),
      'a critical extension': whole(sequence(request), extensions(critical)),
      'a critical extension of one': whole(sequence(sequence(id, explicit(0, sequence(critical))))),
      'a serial number that is too long': whole(
        sequence(sequence(named(Buffer.alloc(20, 7), integer(Buffer.alloc(22, 1))))),
      ),
      'something else than a signature': sequence(sequence(sequence(request)), octetString(id)),
      'a list too many': whole(sequence(request), sequence(request)),
      'too long': whole(
        sequence(request),
        extensions(sequence(oid('1.2.3'), octetString(Buffer.alloc(3100)))),
      ),
    },
  }
}

t.test(
  'what is malformed, about another CA, or too often asked is told so, and nothing is signed for it',
  async (t) => {
    const { tool, url, issue, question, outcomes, away } = await responder(t)
    await issue('kept')
    const { fine, wrong } = variants(question('-no_nonce', '-cert', 'kept.crt'))
    for (const [name, message] of Object.entries(fine))
      t.equal((await send(url, '/ocsp', message)).body.readUInt8(6), 0, name)
    outcomes.length = 0
    for (const [name, message] of Object.entries(wrong))
      t.equal((await send(url, '/ocsp', message)).body.toString('hex'), malformed, name)
    for (const path of [
      '/ocsp/%20',
      '/ocsp/AAAA',
      `/ocsp/${fine.plain.toString('base64url')},`,
      `/ocsp/${'A'.repeat(4100)}`,
    ])
      t.equal((await send(url, path)).body.toString('hex'), malformed, path)
    t.strictSame([...new Set(outcomes)], ['malformed'])

    selfSigned(tool, 'other')
    tool.run('ocsp', '-issuer', 'other.crt', '-serial', '1', '-reqout', 'foreign')
    t.equal(
      (await send(url, '/ocsp', readFileSync(join(tool.folder, 'foreign')))).body.toString('hex'),
      unauthorized,
    )
    const sha512 = question('-sha512', '-cert', 'kept.crt')
    t.equal((await send(url, '/ocsp', sha512)).body.toString('hex'), malformed)
    away.record = true
    t.equal((await send(url, '/ocsp', question('-cert', 'kept.crt'))).body.toString('hex'), tryLater)
    t.equal(outcomes.at(-1), 'unavailable')

    const busy = await responder(t, { requests: 1 })
    await busy.issue('kept')
    await busy.ask('-cert', 'kept.crt')
    t.equal((await send(busy.url, '/ocsp', busy.question('-cert', 'kept.crt'))).status, 429)
  },
)

t.test('each certificate is answered for by itself, whatever was asked before', async (t) => {
  const { url, issue, question } = await responder(t)
  const [, other] = [await issue('kept'), await issue('other')]
  const one = question('-no_nonce', '-cert', 'kept.crt')
  const ask = async (message: Buffer) => (await send(url, '/ocsp', message)).body
  const alone = await ask(one)
  t.notOk(alone.includes(Buffer.from(other.serial, 'hex')))
  const both = await ask(question('-no_nonce', '-cert', 'kept.crt', '-cert', 'other.crt'))
  t.ok(both.includes(Buffer.from(other.serial, 'hex')), 'not what is kept of the first alone')
  t.ok((await ask(one)).equals(alone))

  const { id, otherName, about } = variants(one)
  t.equal((await ask(about(otherName))).toString('hex'), unauthorized, 'the key alone is not the CA')
  const [good, unknown] = [Buffer.from('8000', 'hex'), Buffer.from('8200', 'hex')]
  const mixed = await ask(about(id, otherName))
  t.ok(mixed.includes(Buffer.concat([id, good])))
  t.ok(mixed.includes(Buffer.concat([otherName, unknown])), 'the serial number alone is nothing')
})

t.test('after a rotation each authority answers for its own', async (t) => {
  const { tool, service, options, issue, ask, clock } = await responder(t)
  const old = await issue('old')
  const by = { name: 'root', why: 'yearly', at: clock.now }
  await addOwn(options, { bits: 2048, replaces: service.issuing.id, by })
  await service.refresh()
  await issue('new')
  t.match(await ask('-cert', 'old.crt'), /Response verify OK[\s\S]*old\.crt: good/)
  writeFileSync(join(tool.folder, 'ca2.crt'), service.issuing.certificate.toString())
  const ofNew = ['-issuer', 'ca2.crt', '-CAfile', 'ca2.crt']
  t.match(await ask(...ofNew, '-cert', 'new.crt'), /Response verify OK[\s\S]*new\.crt: good/)
  t.match(await ask(...ofNew, '-serial', `0x${old.serial}`), 'unknown', 'issued by another of ours')
})
