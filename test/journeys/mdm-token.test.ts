import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  createToken,
  gatehouse,
  Phone,
  revokeToken,
  tokenGateway,
  tokenPolicy,
} from '../helpers/mdm-tokens.ts'

const vpn = '127.30.0.5'

async function reasonOf(gateway: { accessLine(id: string): Promise<Record<string, unknown>> }, id: string) {
  return (await gateway.accessLine(id)).reason
}

t.test('a device with an active token registers; one without, or with another, does not', async (t) => {
  const { gateway, phone, seen } = await tokenGateway(t)
  const { id, value } = await createToken(gateway)
  const without = await phone.signIn()
  t.equal(without.status, 403)
  t.equal(await reasonOf(gateway, without.id), 'device.unregistered')
  const wrong = await phone.signIn({ token: 'not-one-of-ours-4711-at-all' })
  t.equal(await reasonOf(gateway, wrong.id), 'token.unknown')
  t.match(wrong.body, 'The management token of this device is not valid.')
  t.equal(seen.length, 0)
  t.equal((await phone.signIn({ token: value })).status, 302)
  const line = await eventually(() => gateway.log().find(({ verdict }) => verdict === 'register'))
  t.match(line, { mdmToken: id, rule: 'MDM token', status: 302 })
  const { registrations } = await gateway.openStore()
  t.match(await registrations.list({ limit: 10 }), [
    { registration: { user: 'alice', evidence: ['mdm-token'], mdmTokenId: id } },
  ])
})

t.test('a wrong password registers nobody, whatever token comes with it', async (t) => {
  const { gateway, phone } = await tokenGateway(t)
  const { value } = await createToken(gateway)
  await eventually(async () => (await phone.signIn({ token: value, password: 'wrong' })).status === 200)
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 10 }), [])
})

t.test(
  'a revoked token stops the next sign-in with the reason, other use goes on, and an active one lets it go on',
  async (t) => {
    const { gateway, phone } = await tokenGateway(t)
    const old = await createToken(gateway, '--label', 'old')
    await eventually(async () => (await phone.signIn({ token: old.value })).status === 302)
    t.equal((await phone.signIn()).status, 302, 'the remembered token is active')
    const next = await createToken(gateway, '--label', 'new')
    await revokeToken(gateway, old.id)
    await eventually(async () => (await phone.signIn()).status === 403)
    const bare = await phone.signIn()
    t.equal(await reasonOf(gateway, bare.id), 'token.inactive')
    t.match(bare.body, 'The management token of this device is no longer valid.')
    t.equal(await reasonOf(gateway, (await phone.signIn({ token: old.value })).id), 'token.inactive')
    t.equal((await phone.get('/messages')).status, 200, 'the session goes on')
    t.equal((await phone.signIn({ token: next.value })).status, 302)
    t.equal((await phone.signIn()).status, 302, 'the new one is remembered')
    t.equal((await phone.signIn({ token: old.value })).status, 302, 'an old one beside it does no harm')
    const store = await gateway.openStore()
    t.match(await store.registrations.list({ limit: 10 }), [{ registration: { mdmTokenId: next.id } }])
  },
)

t.test(
  'a sign-in that the upstream refuses changes nothing about the token that is remembered',
  async (t) => {
    const { gateway, phone } = await tokenGateway(t)
    const [one, other] = [await createToken(gateway), await createToken(gateway)]
    await eventually(async () => (await phone.signIn({ token: one.value })).status === 302)
    t.equal((await phone.signIn({ token: other.value, password: 'wrong' })).status, 200)
    const { registrations } = await gateway.openStore()
    t.match(await registrations.list({ limit: 10 }), [{ registration: { mdmTokenId: one.id } }])
  },
)

t.test('two tokens are active at once', async (t) => {
  const { gateway } = await tokenGateway(t)
  for (const token of [await createToken(gateway), await createToken(gateway)]) {
    const phone = new Phone(gateway)
    t.ok(await eventually(async () => (await phone.signIn({ token: token.value })).status === 302))
  }
})

t.test('a token ends at its time, for pairing and for sign-ins', async (t) => {
  const clock = { now: Date.now() }
  const { gateway, phone } = await tokenGateway(t, { now: () => clock.now })
  const expires = new Date(clock.now + 3_600_000).toISOString()
  const { value } = await createToken(gateway, '--expires', expires)
  await eventually(async () => (await phone.signIn({ token: value })).status === 302)
  clock.now += 3_600_000
  t.equal(await reasonOf(gateway, (await phone.signIn()).id), 'token.inactive')
  const stranger = new Phone(gateway)
  t.equal(await reasonOf(gateway, (await stranger.signIn({ token: value })).id), 'token.inactive')
})

t.test('a token in the header twice, or one that can be none, is refused', async (t) => {
  const { gateway, phone, seen } = await tokenGateway(t)
  const { value } = await createToken(gateway)
  for (const token of [[value, value], ['', value], '', 'two words', `${value}\u00e4`, 'x'.repeat(300)]) {
    const answer = await phone.signIn({ token })
    t.equal(answer.status, 400)
    t.equal(await reasonOf(gateway, answer.id), 'token.malformed')
  }
  t.equal(seen.length, 0)
  t.equal((await phone.get('/health', { token: [value, value] })).status, 200, 'a public path is public')
})

t.test('a token in an address is refused before anybody writes it down', async (t) => {
  const { gateway, phone, seen } = await tokenGateway(t, { settings: 'log: { queries: true }' })
  const { value } = await createToken(gateway)
  const paths = [
    `/?token=${value}`,
    `/health?x=${value}`,
    `/${value}/x`,
    '/?Gatehouse-MDM-Token=typed-in-4711',
    `/.gatehouse/${value}`,
  ]
  for (const path of paths) {
    const answer = await phone.get(path)
    t.equal(answer.status, 400, path)
    const line = await gateway.accessLine(answer.id)
    t.match(line, { reason: 'token.in-url', path: '[redacted]' })
    t.notMatch(answer.body, value)
  }
  t.equal(seen.length, 0)
  t.notMatch(JSON.stringify(gateway.log()), /ghmt_|4711/)
})

t.test('the token is in no log, no answer, no file and no request to the upstream', async (t) => {
  const { gateway, phone, seen } = await tokenGateway(t)
  const { value } = await createToken(gateway)
  const typed = 'Zx-81.kq7-Typed.By-Hand-5093'
  const wrong = 'Wrong-71.kq7-guessed.by-somebody'
  const store = await gateway.openStore()
  await eventually(async () => (await phone.signIn({ token: value })).status === 302)
  const answers = [
    await phone.signIn({ token: value }),
    await new Phone(gateway).signIn({ token: wrong }),
    await phone.get('/x', { token: typed }),
  ]
  t.ok(seen.length >= 2)
  await gateway.stop()
  await store.close()
  const files = readdirSync(gateway.folder, { withFileTypes: true }).filter((file) => file.isFile())
  const bytes = files.map(({ name }) => readFileSync(join(gateway.folder, name), 'latin1')).join('\n')
  const everything = `${bytes}${JSON.stringify(seen)}${JSON.stringify(answers)}`
  for (const secret of [value, typed, wrong]) t.notOk(everything.includes(secret), secret)
  t.match(bytes, /[\w-]{43}/, 'the record was among the files')
  t.notMatch(JSON.stringify(seen).toLowerCase(), 'mdm-token', 'nor is the header')
})

t.test(
  'the header has the name of the settings, and no upstream sees it however it is spelled',
  async (t) => {
    const { gateway, phone, seen } = await tokenGateway(t, {
      settings: 'mdmTokens: { header: Example-Device-Token }',
    })
    const { value } = await createToken(gateway)
    const header = 'Example-Device-Token'
    await eventually(async () => (await phone.signIn({ token: value, header })).status === 302)
    t.equal((await phone.signIn({ token: value, header: 'EXAMPLE_device_TOKEN' })).status, 302)
    t.notMatch(JSON.stringify(seen), value)
    t.equal(
      (await new Phone(gateway).signIn({ token: value })).status,
      403,
      'the default name means nothing now',
    )
  },
)

t.test(
  'wrong tokens from one address stop counting for anything after a while, registered devices go on',
  async (t) => {
    const { gateway, phone } = await tokenGateway(t, { settings: 'mdmTokens: { wrongPerMinute: 3 }' })
    const next = await createToken(gateway)
    const { value } = await createToken(gateway)
    await eventually(async () => (await phone.signIn({ token: value, from: '127.99.0.9' })).status === 302)
    const guesser = new Phone(gateway)
    for (let i = 0; i < 6; i++)
      t.equal((await guesser.signIn({ token: 'one-typo-from-the-whole-fleet' })).status, 403)
    for (const guess of ['guess-1', 'guess-2']) t.equal((await guesser.signIn({ token: guess })).status, 403)
    const late = await guesser.signIn({ token: 'guess-3' })
    t.equal(late.status, 429)
    t.equal(await reasonOf(gateway, late.id), 'token.too-many')
    t.ok(Number(late.headers['retry-after']) > 0)
    t.equal(
      (await guesser.signIn({ token: value })).status,
      429,
      'not even the right one tells the guesser anything',
    )
    t.equal(
      (await phone.signIn({ token: next.value })).status,
      302,
      'a registered device behind the same address',
    )
    const { registrations } = await gateway.openStore()
    t.match(await registrations.list({ limit: 10 }), [{ registration: { mdmTokenId: next.id } }])
    t.equal((await guesser.signIn({ token: value, from: '127.99.0.2' })).status, 302, 'another address')
  },
)

t.test('who still uses the old token shows, and no sign-in costs a write', async (t) => {
  const { gateway, phone } = await tokenGateway(t)
  const { id, value } = await createToken(gateway)
  await eventually(async () => (await phone.signIn({ token: value })).status === 302)
  const list = async () => (await gatehouse(gateway, 'token', 'list', '--json')).tokens[0]
  const first = await eventually(async () => ((await list()).uses > 0 ? list() : undefined))
  t.match(first, { id, registrations: 1, state: /^active$/ })
  t.equal(first.hash, undefined)
  t.ok(Date.now() - first.lastUsedAt < 60_000)
  const before = first.uses
  for (let i = 0; i < 5; i++) await phone.signIn()
  t.equal((await list()).uses, before, 'not written yet')
  await gateway.stop()
  t.equal((await list()).uses, before + 5)
})

t.test('a token that is revoked while the upstream answers registers nobody', async (t) => {
  const { gateway } = await tokenGateway(t)
  const { id, value } = await createToken(gateway)
  await eventually(
    async () => (await new Phone(gateway).signIn({ token: value, user: 'first' })).status === 302,
  )
  const many = Array.from({ length: 30 }, (_, index) =>
    new Phone(gateway).signIn({ token: value, user: `u${index}` }),
  )
  const [store] = await Promise.all([gateway.openStore(), revokeToken(gateway, id)])
  const answers = await Promise.all(many)
  const { revoked } = (await store.mdmTokens.list())[0] ?? {}
  const registered = await store.registrations.list({ limit: 100 })
  t.equal(registered.length, answers.filter(({ status }) => status === 302).length + 1)
  t.ok(registered.every(({ registration }) => registration.registeredAt <= (revoked?.at ?? 0) + 1000))
  await eventually(async () => (await new Phone(gateway).signIn({ token: value })).status === 403)
})

t.test('from its start date on, a rule asks registered devices for the token at each sign-in', async (t) => {
  const clock = { now: Date.parse('2027-01-10T00:00:00Z') }
  const policy = tokenPolicy.replace(
    'access:\n',
    'access:\n  - { name: Managed, from: 2027-02-01, when: { signIn: true, not: { evidence: mdm-token } }, then: { refuse: Install the company app. } }\n',
  )
  const { gateway, phone } = await tokenGateway(t, { policy, now: () => clock.now })
  t.equal((await phone.signIn({ from: vpn })).status, 302, 'registered from the VPN, without a token')
  const other = new Phone(gateway)
  t.equal((await other.signIn({ from: vpn, user: 'bob' })).status, 302)
  const { value } = await createToken(gateway)
  await eventually(async () => {
    await other.signIn({ user: 'bob', token: value })
    const { registrations } = await gateway.openStore()
    const [bob] = await registrations.list({ limit: 10, user: 'bob' })
    return bob?.registration.mdmTokenId !== undefined
  })
  clock.now = Date.parse('2027-02-01T00:00:00Z')
  const refused = await phone.signIn()
  t.equal(refused.status, 403)
  t.match(refused.body, 'Install the company app.')
  t.equal((await phone.get('/messages')).status, 200)
  t.equal((await phone.signIn({ token: value })).status, 302)
  t.equal(
    (await other.signIn({ user: 'bob' })).status,
    302,
    'the token came before the date and is remembered',
  )
})
