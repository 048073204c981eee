import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CmsError, type Identity } from '../../../src/enrollment/cms/cms.ts'
import { checkImplicitRejection } from '../../../src/enrollment/cms/implicit-rejection.ts'
import { type OpenOptions, openEnvelope } from '../../../src/enrollment/cms/open-envelope.ts'
import { sealEnvelope } from '../../../src/enrollment/cms/seal-envelope.ts'
import { type Openssl, openssl, selfSigned } from '../../helpers/openssl.ts'

const content = Buffer.from('a request\r\n')

function setUp(t: Test): { tool: Openssl; rsa: Identity; other: Identity } {
  const tool = openssl(t)
  selfSigned(tool, 'rsa')
  selfSigned(tool, 'other')
  tool.file('content', content)
  return { tool, rsa: identity(tool, 'rsa'), other: identity(tool, 'other') }
}

function identity({ folder }: Openssl, name: string): Identity {
  return {
    certificate: new X509Certificate(readFileSync(join(folder, `${name}.crt`))),
    key: createPrivateKey(readFileSync(join(folder, `${name}.key`))),
  }
}

function encrypt(tool: Openssl, cipher: string, ...more: string[]): Buffer {
  return tool.run('cms', '-encrypt', '-binary', '-in', 'content', '-outform', 'DER', `-${cipher}`, ...more)
}

function problem(message: Buffer, options: OpenOptions): string {
  try {
    openEnvelope(message, options)
    return 'opened'
  } catch (error) {
    if (error instanceof CmsError) return error.problem
    throw error
  }
}

t.test('what OpenSSL encrypts to us is opened, and how it was encrypted is told', async (t) => {
  const { tool, rsa } = setUp(t)
  const recipients = [rsa]
  for (const cipher of ['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc']) {
    for (const form of [
      ['rsa.crt'],
      ['-stream', 'rsa.crt'],
      ['-keyid', 'rsa.crt'],
      ['other.crt', 'rsa.crt'],
      ['rsa.crt', 'other.crt'],
    ])
      t.strictSame(
        openEnvelope(encrypt(tool, cipher, ...form), { recipients }),
        { content, cipher, recipient: rsa },
        `${cipher} ${form}`,
      )
  }
})

t.test('triple DES is opened only where it is allowed, single DES and GCM never', async (t) => {
  const { tool, rsa } = setUp(t)
  const recipients = [rsa]
  const message = encrypt(tool, 'des3', 'rsa.crt')
  t.equal(problem(message, { recipients }), 'algorithm')
  t.equal(openEnvelope(message, { recipients, tripleDes: true }).cipher, 'des-ede3-cbc')
  t.equal(problem(encrypt(tool, 'aes-256-gcm', 'rsa.crt'), { recipients, tripleDes: true }), 'unsupported')
  const asSingle = Buffer.from(
    message.toString('hex').replace('06082a864886f70d0307', '06052b0e030207'),
    'hex',
  )
  t.not(problem(asSingle, { recipients, tripleDes: true }), 'opened')
})

t.test('what we encrypt is opened by OpenSSL, by each recipient', async (t) => {
  const { tool, rsa, other } = setUp(t)
  for (const cipher of ['aes-128-cbc', 'aes-256-cbc', 'des-ede3-cbc'] as const) {
    tool.file('ours', sealEnvelope({ content, recipients: [rsa.certificate, other.certificate], cipher }))
    for (const name of ['rsa', 'other']) {
      const opened = tool.run(
        'cms',
        '-decrypt',
        '-inform',
        'DER',
        '-in',
        'ours',
        '-recip',
        `${name}.crt`,
        '-inkey',
        `${name}.key`,
      )
      t.ok(opened.equals(content), `${cipher} by ${name}`)
    }
  }
})

t.test('nothing is encrypted to a key that cannot decrypt', async (t) => {
  const { tool } = setUp(t)
  selfSigned(tool, 'ec', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
  const recipients = [identity(tool, 'ec').certificate]
  t.throws(() => sealEnvelope({ content, recipients }), CmsError)
})

t.test('whatever depends on our key fails in one way', async (t) => {
  const { rsa, other } = setUp(t)
  const message = sealEnvelope({ content, recipients: [rsa.certificate] })
  t.equal(problem(message, { recipients: [other] }), 'decryption', 'to somebody else')
  const keyAt = message.indexOf(Buffer.from('04820100', 'hex')) + 4
  const failures = new Set<string>()
  for (let at = keyAt; at < keyAt + 256; at += 5) {
    const changed = Buffer.from(message)
    changed[at] = changed[at]! ^ 0x55
    try {
      t.notOk(openEnvelope(changed, { recipients: [rsa] }).content.equals(content))
    } catch (error) {
      t.notOk((error as Error).cause)
      failures.add(`${(error as CmsError).problem} ${(error as Error).message}`)
    }
  }
  t.strictSame([...failures], ['decryption It cannot be decrypted'])
})

t.test('a truncated message is refused at each length', async (t) => {
  const { rsa } = setUp(t)
  const message = sealEnvelope({ content, recipients: [rsa.certificate] })
  for (let length = 0; length < message.length; length++)
    if (problem(message.subarray(0, length), { recipients: [rsa] }) !== 'malformed') t.fail(`${length} bytes`)
})

t.test('this Node gives garbage, and no error, for bad padding', async (t) => {
  checkImplicitRejection(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
  t.pass()
})
