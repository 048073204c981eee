import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { oids } from '../../../src/enrollment/asn1/oids.ts'
import { textOf } from '../../../src/enrollment/asn1/read.ts'
import { printableString } from '../../../src/enrollment/asn1/write.ts'
import { CmsError, type Identity, type VerifyOptions } from '../../../src/enrollment/cms/cms.ts'
import { readDegenerate } from '../../../src/enrollment/cms/read-degenerate.ts'
import { degenerate, signData, signWithoutContent } from '../../../src/enrollment/cms/sign-data.ts'
import { issuerOf } from '../../../src/enrollment/cms/trust.ts'
import { single, verifySignedData } from '../../../src/enrollment/cms/verify-signed-data.ts'
import { type Openssl, openssl, selfSigned } from '../../helpers/openssl.ts'

const content = Buffer.from('<plist>\u00e4\r\n</plist>')

function setUp(t: Test): { tool: Openssl; rsa: Identity; ec: Identity } {
  const tool = openssl(t)
  selfSigned(tool, 'rsa')
  selfSigned(tool, 'ec', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
  tool.file('content', content)
  return { tool, rsa: identity(tool, 'rsa'), ec: identity(tool, 'ec') }
}

function identity({ folder }: Openssl, name: string): Identity {
  return {
    certificate: new X509Certificate(readFileSync(join(folder, `${name}.crt`))),
    key: createPrivateKey(readFileSync(join(folder, `${name}.key`))),
  }
}

function sign(tool: Openssl, ...more: string[]): Buffer {
  return tool.run(
    'cms',
    '-sign',
    '-binary',
    '-in',
    'content',
    '-signer',
    'rsa.crt',
    '-inkey',
    'rsa.key',
    '-outform',
    'DER',
    ...more,
  )
}

function problem(message: Buffer, options?: VerifyOptions): string {
  try {
    verifySignedData(message, options)
    return 'valid'
  } catch (error) {
    if (error instanceof CmsError) return error.problem
    throw error
  }
}

t.test('what OpenSSL signs is understood in each of its forms', async (t) => {
  const { tool } = setUp(t)
  const forms: [string, string[]][] = [
    ['attributes, DER', ['-nodetach']],
    ['no attributes', ['-nodetach', '-noattr']],
    ['BER in pieces', ['-nodetach', '-stream']],
    ['by key identifier', ['-nodetach', '-keyid']],
    ['SHA-384', ['-nodetach', '-md', 'sha384']],
    ['SHA-512', ['-nodetach', '-md', 'sha512']],
    ['further certificates before it', ['-nodetach', '-certfile', 'ec.crt']],
  ]
  for (const [form, parameters] of forms) {
    const message = verifySignedData(sign(tool, ...parameters))
    t.ok(message.content.equals(content), form)
    t.equal(message.signer.subject, 'CN=rsa', form)
    t.equal(message.attributes === undefined, form === 'no attributes', form)
  }
})

t.test('a signature by an elliptic curve is verified and written', async (t) => {
  const { tool, ec } = setUp(t)
  const theirs = tool.run(
    'cms',
    '-sign',
    '-binary',
    '-in',
    'content',
    '-signer',
    'ec.crt',
    '-inkey',
    'ec.key',
    '-outform',
    'DER',
    '-nodetach',
  )
  t.ok(verifySignedData(theirs).content.equals(content))
  tool.file('ours', signData({ content, signer: ec, signingTime: Date.UTC(2026, 0, 31, 12) }))
  const printed = tool.run('cms', '-cmsout', '-print', '-inform', 'DER', '-in', 'ours', '-noout')
  t.match(printed.toString(), /signingTime[\s\S]*Jan 31 12:00:00 2026 GMT/)
  t.ok(
    tool
      .run(
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        'ours',
        '-CAfile',
        'ec.crt',
        '-purpose',
        'any',
      )
      .equals(content),
  )
})

t.test('a detached signature holds for its own bytes only', async (t) => {
  const { tool, rsa } = setUp(t)
  const theirs = sign(tool)
  const ours = signData({ content, signer: rsa, detached: true, signingTime: Date.now() })
  for (const message of [theirs, ours]) {
    t.ok(verifySignedData(message, { detached: content }).content.equals(content))
    t.equal(problem(message, { detached: Buffer.concat([content, Buffer.from(' ')]) }), 'signature')
    t.equal(problem(message), 'malformed', 'there is no content')
  }
  t.equal(
    problem(sign(tool, '-nodetach'), { detached: content }),
    'malformed',
    'content of its own is not passed over',
  )
  tool.file('ours', ours)
  tool.run(
    'cms',
    '-verify',
    '-binary',
    '-inform',
    'DER',
    '-in',
    'ours',
    '-content',
    'content',
    '-CAfile',
    'rsa.crt',
    '-purpose',
    'any',
  )
})

t.test('what we sign is verified by OpenSSL, with attributes of our own', async (t) => {
  const { tool, rsa, ec } = setUp(t)
  const message = signData({
    content,
    signer: rsa,
    chain: [ec.certificate],
    attributes: new Map([[oids.messageType, printableString('3')]]),
    signingTime: Date.now(),
  })
  tool.file('ours', message)
  t.ok(
    tool
      .run(
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        'ours',
        '-CAfile',
        'rsa.crt',
        '-purpose',
        'any',
      )
      .equals(content),
  )
  const read = verifySignedData(message)
  t.equal(textOf(single(read.attributes!, oids.messageType)), '3')
  t.strictSame(
    read.certificates.map(({ subject }) => subject),
    ['CN=rsa', 'CN=ec'],
    'the signer’s first',
  )
})

t.test('a message without content is accepted only where it is expected', async (t) => {
  const { rsa } = setUp(t)
  const message = signWithoutContent({ signer: rsa, signingTime: Date.now() })
  t.equal(problem(message), 'malformed')
  t.equal(verifySignedData(message, { withoutContent: true }).content.length, 0)
})

t.test('SHA-1 is refused unless it is allowed', async (t) => {
  const { tool } = setUp(t)
  const message = sign(tool, '-nodetach', '-md', 'sha1')
  t.equal(problem(message), 'algorithm')
  t.equal(problem(message, { sha1: true }), 'valid')
})

t.test('no signer, two signers and an absent certificate are refused', async (t) => {
  const { tool, rsa } = setUp(t)
  t.equal(problem(degenerate([rsa.certificate]), { withoutContent: true }), 'signer')
  t.equal(problem(sign(tool, '-nodetach', '-signer', 'ec.crt', '-inkey', 'ec.key')), 'signer')
  t.equal(problem(sign(tool, '-nodetach', '-nocerts')), 'signer')
})

t.test('no byte of a signed message can be changed without effect on the verdict', async (t) => {
  const { tool, rsa } = setUp(t)
  for (const message of [sign(tool, '-nodetach'), sign(tool, '-nodetach', '-noattr')]) {
    const signer = verifySignedData(message).signer.fingerprint256
    for (let at = 0; at < message.length; at++) {
      const changed = Buffer.from(message)
      changed[at] = changed[at]! ^ 1
      if (problem(changed) !== 'valid') continue
      const read = verifySignedData(changed)
      // Version numbers, algorithms' parameters and the signature on the certificate itself are nobody's claim.
      const harmless = read.signer.fingerprint256 === signer || !issuerOf(read.signer, [rsa.certificate])
      if (!read.content.equals(content) || !harmless) t.fail(`byte ${at}`)
    }
  }
})

t.test('a truncated message is refused at each length', async (t) => {
  const { tool } = setUp(t)
  for (const form of [['-nodetach'], ['-nodetach', '-stream']]) {
    const message = sign(tool, ...form)
    for (let length = 0; length < message.length; length++)
      if (problem(message.subarray(0, length)) !== 'malformed') t.fail(`${length} bytes`)
  }
})

t.test('a list of certificates is read by OpenSSL, and theirs by us', async (t) => {
  const { tool, rsa, ec } = setUp(t)
  tool.file('ours', degenerate([rsa.certificate, ec.certificate]))
  const printed = tool.run('pkcs7', '-inform', 'DER', '-in', 'ours', '-print_certs').toString()
  t.match(printed, /CN ?= ?rsa[\s\S]*CN ?= ?ec/)
  const theirs = tool.run('crl2pkcs7', '-nocrl', '-certfile', 'ec.crt', '-outform', 'DER')
  t.strictSame(
    readDegenerate(theirs).map(({ subject }) => subject),
    ['CN=ec'],
  )
})

t.test('who signed is another question than whom to trust', async (t) => {
  const { tool, rsa } = setUp(t)
  tool.run(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'false.key',
    '-out',
    'false.crt',
    '-subj',
    '/CN=rsa',
    '-days',
    '2',
  )
  const forged = tool.run(
    'cms',
    '-sign',
    '-in',
    'content',
    '-signer',
    'false.crt',
    '-inkey',
    'false.key',
    '-outform',
    'DER',
    '-nodetach',
  )
  const { signer } = verifySignedData(forged)
  t.equal(signer.subject, rsa.certificate.subject, 'the same name')
  t.equal(issuerOf(signer, [rsa.certificate]), undefined)
  t.equal(issuerOf(rsa.certificate, [rsa.certificate]), rsa.certificate)
  t.equal(
    issuerOf(rsa.certificate, [rsa.certificate], { at: Date.now() + 1e10 }),
    undefined,
    'expired by then',
  )
})
