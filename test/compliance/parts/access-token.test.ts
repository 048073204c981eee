import t from 'tap'
import { VendorError } from '../../../src/compliance/connectors/connector.ts'
import { AccessToken, type IssuedToken } from '../../../src/compliance/connectors/parts/access-token.ts'

const { signal } = new AbortController()

function tokens(lifetime: number | undefined) {
  const clock = { now: 1_000_000 }
  let issued = 0
  const signIn = async (): Promise<IssuedToken> => {
    const token = `token-${++issued}`
    return lifetime === undefined ? { token } : { token, expiresAt: clock.now + lifetime }
  }
  return { clock, access: new AccessToken(signIn, () => clock.now), issued: () => issued }
}

const use = async (token: string) => token

t.test('a token is kept until shortly before its end', async (t) => {
  const { access, clock } = tokens(3_600_000)
  t.equal(await access.with(signal, use), 'token-1')
  clock.now += 3_600_000 - 300_001
  t.equal(await access.with(signal, use), 'token-1')
  clock.now += 1
  t.equal(await access.with(signal, use), 'token-2')
})

t.test('a token that lives shortly is used for half of its life', async (t) => {
  const { access, clock } = tokens(60_000)
  await access.with(signal, use)
  clock.now += 29_999
  t.equal(await access.with(signal, use), 'token-1')
  clock.now += 1
  t.equal(await access.with(signal, use), 'token-2')
})

t.test('a refused token is renewed once, and a second refusal is a matter of credentials', async (t) => {
  const { access, issued } = tokens(undefined)
  t.equal(await access.with(signal, async (token) => (token === 'token-1' ? undefined : token)), 'token-2')
  await t.rejects(
    access.with(signal, async () => undefined),
    { code: 'credentials' },
  )
  t.equal(issued(), 3)
})

t.test('callers that come at the same time share one sign-in', async (t) => {
  const { access, issued } = tokens(undefined)
  t.strictSame(await Promise.all([access.with(signal, use), access.with(signal, use)]), [
    'token-1',
    'token-1',
  ])
  t.equal(issued(), 1)
})

t.test('a refused sign-in is everybody’s end, a sign-in that its caller gave up is not', async (t) => {
  let tried = 0
  const refused = new AccessToken(
    async () => {
      tried++
      throw new VendorError('credentials', 'refused')
    },
    () => 0,
  )
  const both = await Promise.allSettled([refused.with(signal, use), refused.with(signal, use)])
  t.strictSame(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.equal(tried, 1)
  const hurried = new AbortController()
  const patient = new AccessToken(
    (given) =>
      given === hurried.signal
        ? new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason)))
        : Promise.resolve({ token: 'mine' }),
    () => 0,
  )
  const first = patient.with(hurried.signal, use)
  const second = patient.with(signal, use)
  hurried.abort()
  await t.rejects(first, { name: 'AbortError' })
  t.equal(await second, 'mine')
})
