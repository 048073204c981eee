import t from 'tap'
import { MalformedInput } from '../../src/lib/malformed-input.ts'
import { createSeal } from '../../src/lib/seal.ts'

t.test('a sealed secret opens with its key, for its purpose and in its place alone', async (t) => {
  const seal = createSeal('key', 'purpose')
  const closed = seal.close(Buffer.from('secret'), 'token U1')
  t.equal(seal.open(closed, 'token U1').toString(), 'secret')
  t.not(seal.close(Buffer.from('secret'), 'token U1'), closed, 'never twice the same')
  t.notMatch(Buffer.from(closed, 'base64url').toString('latin1'), 'secret')
  t.throws(() => seal.open(closed, 'token U2'), MalformedInput)
  t.throws(() => createSeal('other', 'purpose').open(closed, 'token U1'), MalformedInput)
  t.throws(() => createSeal('key', 'other').open(closed, 'token U1'), MalformedInput)
  const bytes = Buffer.from(closed, 'base64url')
  bytes[bytes.length - 1]! ^= 1
  t.throws(() => seal.open(bytes.toString('base64url'), 'token U1'), MalformedInput)
  for (const broken of ['', 'AAAA', closed.slice(0, 20)])
    t.throws(() => seal.open(broken, 'token U1'), MalformedInput)
})
