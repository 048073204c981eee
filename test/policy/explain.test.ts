import t from 'tap'
import { announcements } from '../../src/policy/announcements.ts'
import { decide, explain } from '../../src/policy/decide.ts'
import { device, now, policyOf, request } from './helpers/policy.ts'

t.test('an explanation shows each rule that was tried, what it wanted and what there was', async (t) => {
  const policy = policyOf(`
networks: { vpn: [10.99.0.0/16] }
access:
  - { name: Off the VPN, when: { not: { network: vpn }, platform: ios }, then: { refuse: Use the VPN } }
  - { name: Team, when: { any: [{ user: ada }, { user: "k*" }] }, then: allow }
  - { name: Never tried, then: allow }
`)
  const { decision, networks, trace } = explain(request({ source: '10.99.1.1' }), device(), policy, now)
  t.match(decision, { verdict: 'forward', rule: 'Team' })
  t.strictSame(networks, ['vpn'])
  t.strictSame(trace, [
    {
      ...{ list: 'access', rule: 'Off the VPN', matched: false },
      conditions: [
        { condition: 'platform', wanted: 'ios', found: 'not known', held: false },
        { condition: 'not.network', wanted: 'vpn', found: 'vpn', held: true },
        { condition: 'not', wanted: 'what is inside does not hold', found: 'does not hold', held: false },
      ],
    },
    {
      ...{ list: 'access', rule: 'Team', matched: true },
      conditions: [
        { condition: 'any[0].user', wanted: 'ada', found: 'kim@example.com', held: false },
        { condition: 'any[1].user', wanted: 'k*', found: 'kim@example.com', held: true },
        { condition: 'any', wanted: 'one of 2', found: 'holds', held: true },
      ],
    },
  ])
})

t.test('an explanation says when a rule matched, or did not, for want of knowledge', async (t) => {
  const policy = policyOf(`
access:
  - { name: Only iOS, when: { platform: ios }, then: allow }
  - { name: No Android, when: { platform: android }, then: { refuse: no } }
`)
  const [first, second] = explain(request(), device(), policy, now).trace
  t.match(first, { matched: false, note: /does not match because/ })
  t.match(second, { matched: true, note: /closes the door/ })
})

t.test('a rule is in force from its date and until the end of its last day', async (t) => {
  const policy = policyOf(`
access:
  - { name: Soon, from: 2026-07-01, then: { refuse: no } }
  - { name: At nine, from: 2026-07-02T09:00+02:00, then: { refuse: no } }
  - { name: Over, until: 2026-06-14, then: { refuse: no } }
  - { name: Today, until: 2026-06-15, then: allow }
`)
  const ruleAt = (date: string) => decide(request(), device(), policy, Date.parse(date)).rule
  t.equal(ruleAt('2026-06-14T23:59:59Z'), 'Over')
  t.equal(ruleAt('2026-06-15T00:00:00Z'), 'Today')
  t.equal(ruleAt('2026-06-16T00:00:00Z'), undefined)
  t.equal(ruleAt('2026-07-01T00:00:00Z'), 'Soon')
  t.match(explain(request(), device(), policy, now).trace, [
    { rule: 'Soon', matched: false, note: 'not in force before 2026-07-01' },
    { rule: 'At nine', note: 'not in force before 2026-07-02T09:00+02:00' },
    { rule: 'Over', note: 'in force until 2026-06-14, which is over' },
    { rule: 'Today', matched: true },
  ])
  t.match(announcements(policy, now), [
    { list: 'access', from: Date.parse('2026-07-01T00:00Z'), rule: { name: 'Soon' } },
    { list: 'access', from: Date.parse('2026-07-02T07:00Z'), rule: { name: 'At nine' } },
  ])
})

t.test('a monitored rule is noted and passed over', async (t) => {
  const policy = policyOf(`
access:
  - { name: Try, mode: monitor, when: { platform: ios }, then: { refuse: no } }
  - { name: Try too, mode: monitor, then: { redirect: "https://vpn.example.com" } }
  - { name: All, then: allow }
`)
  const facts = request({ platform: 'ios' })
  t.match(decide(facts, device(), policy, now), {
    ...{ verdict: 'forward', rule: 'All', wouldHave: { rule: 'Try', verdict: 'refuse' } },
  })
  t.match(explain(facts, device(), policy, now).trace[0], {
    matched: true,
    note: 'only monitored: passed over',
  })
  const android = decide(request({ platform: 'android' }), device(), policy, now)
  t.match(android, { wouldHave: { rule: 'Try too', verdict: 'redirect' } })
})

t.test('a block, a bypass and a public path need no rule', async (t) => {
  t.strictSame(explain(request({ publicPath: true }), undefined, policyOf('{}'), now), {
    ...{ decision: { verdict: 'forward', reason: 'path.public' }, networks: [], trace: [] },
  })
})
