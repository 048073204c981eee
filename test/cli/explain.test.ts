import { join } from 'node:path'
import t from 'tap'
import { certificates } from '../helpers/certificates.ts'
import { installation, json } from './support.ts'

const stranger = ['explain', '--url', 'https://chat.example.com/a?b=c', '--from', '203.0.113.7']

async function ready(t: Parameters<typeof installation>[0]) {
  const one = installation(t)
  const store = await one.openStore()
  return { ...one, store }
}

t.test('a request from a registration network would register: exit 0', async (t) => {
  const { gatehouse } = await ready(t)
  const { code, stdout } = await gatehouse(
    'explain',
    '--url',
    'https://chat.example.com/',
    '--from',
    '10.20.0.5',
  )
  t.equal(code, 0)
  t.match(stdout, /\* registration: Wi-Fi: matches/)
  t.match(stdout, /decision +register/)
})

t.test('a request that is refused: exit 1, and each rule says why it does not match', async (t) => {
  const { gatehouse } = await ready(t)
  const { code, stdout } = await gatehouse(...stranger)
  t.equal(code, 1)
  t.match(
    stdout,
    /- registration: Wi-Fi: does not match\n +NO +network +wanted wifi +found none \(203\.0\.113\.7\)/,
  )
  t.match(stdout, /- registration: Contractors: does not match .*\n +NO +user/)
  t.match(stdout, /reason +device\.unregistered/)
  t.notMatch(stdout, 'b=c', 'the query is not the policy’s business')
})

t.test(
  'what cannot be shown by flags can be assumed: a registration, its posture, platform and version',
  async (t) => {
    const { here } = await ready(t)
    const device = [...stranger, '--registered', '--posture', 'compliant', '--platform', 'ios']
    const old = await here(...device, '--os-version', '16.1')
    t.equal(old.code, 1)
    t.match(old.stdout, /\* access: Old iOS: matches/)
    t.match(old.stdout, 'Update iOS to 17.5 or later')
    const recent = await here(...device, '--os-version', '18.0')
    t.equal(recent.code, 0)
    t.match(recent.stdout, /\* access: Compliant: matches/)
  },
)

t.test('a user’s rule is tried with the user that is assumed', async (t) => {
  const { here } = await ready(t)
  const result = await here(...stranger, '--user', 'Kim@Contractor.example', '--json')
  t.equal(result.code, 1)
  t.match(json(result), { decision: { verdict: 'await-approval', rule: 'Contractors' } })
})

t.test('a forwarded address counts only from a trusted proxy', async (t) => {
  const { here } = await ready(t)
  const header = ['--header', 'X-Forwarded-For: 10.20.0.5']
  const forged = await here(...stranger, ...header)
  t.equal(forged.code, 1)
  t.match(forged.stdout, /source +203\.0\.113\.7, the connection’s own address/)
  const behind = await here('explain', '--url', 'https://chat.example.com/', '--from', '127.0.0.9', ...header)
  t.equal(behind.code, 0)
  t.match(behind.stdout, /source +10\.20\.0\.5, told by a trusted proxy \(X-Forwarded-For\)/)
})

t.test('what the edge refuses is said to be refused before any rule', async (t) => {
  const { here } = await ready(t)
  const { code, stdout } = await here(
    'explain',
    '--url',
    'https://chat.example.com/a/../health',
    '--from',
    '10.20.0.5',
  )
  t.equal(code, 1)
  t.match(stdout, /Refused before any rule: path\.ambiguous/)
  const unknown = await here('explain', '--url', 'https://other.example.com/', '--from', '10.20.0.5')
  t.equal(unknown.code, 1)
  t.match(unknown.stdout, /host\.unknown/)
})

t.test('a client certificate is shown from its file', async (t) => {
  const { here } = await ready(t)
  const { folder } = await certificates(t)
  const { stdout } = await here(...stranger, '--certificate', join(folder, 'device.crt'))
  t.match(stdout, /certificate +.*taken as verified/)
  t.match(stdout, /evidence +certificate/)
})

t.test(
  'a refusal is explained by its reference: facts, rules, decision, and what would be decided now',
  async (t) => {
    const { gatehouse, store } = await ready(t)
    const facts = {
      service: 'chat',
      client: 'browser' as const,
      mode: 'enforce' as const,
      method: 'GET',
      path: '/room',
      publicPath: false,
      signIn: false,
      source: '10.20.0.5',
      vouchedNetworks: [],
      groups: [],
      evidence: [],
    }
    const trace = { list: 'registration' as const, rule: 'Old rule', matched: false, conditions: [] }
    const decision = { verdict: 'refuse' as const, reason: 'device.unregistered' as const }
    const explanation = { decision, networks: [], trace: [trace] }
    await store.refusals.add(
      [{ reference: 'ref1', at: Date.now(), facts, explanation, policyDigest: 'old' }],
      10,
    )
    const { code, stdout } = await gatehouse('explain', 'ref1')
    t.equal(code, 1)
    t.match(stdout, /request +GET \/room/)
    t.match(stdout, /- registration: Old rule: does not match/)
    t.match(stdout, /The same request now \(the policy has changed since/)
    t.match(stdout, /would be let through/)
  },
)

t.test('a reference that is not kept: exit 1', async (t) => {
  const { gatehouse } = await ready(t)
  const { code, stderr } = await gatehouse('explain', 'nope')
  t.equal(code, 1)
  t.match(stderr, /No refusal nope is kept/)
})
