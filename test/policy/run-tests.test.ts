import t from 'tap'
import { runPolicyTests } from '../../src/policy/run-tests.ts'
import { now, policyOf } from './helpers/policy.ts'

const rules = `
networks: { wifi: [10.20.0.0/16] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
  - { name: Else, then: { redirect: "https://vpn.example.com" } }
access:
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1h }, then: allow }
  - { name: Later, from: 2027-01-01, when: { vendor: intune, vendorSeenWithin: 1d, registeredBy: Wi-Fi }, then: allow }
`

function results(...tests: string[]): boolean[] {
  const policy = policyOf(
    `${rules}tests:\n${tests.map((test, i) => `  - { name: T${i}, ${test} }`).join('\n')}`,
  )
  return runPolicyTests(policy, now).map(({ passed }) => passed)
}

t.test('tests that come out as expected pass', async (t) => {
  const passed = results(
    'given: { registered: true, posture: compliant, from: 203.0.113.7 }, expect: forward',
    'given: { registered: false, from: 203.0.113.7 }, expect: redirect',
    'given: { registered: false, from: 10.20.0.5 }, expect: { verdict: register, rule: Wi-Fi }',
    'given: { registered: true, posture: compliant, platform: ios, osVersion: "17.4", from: 203.0.113.7 }, expect: refuse',
    'given: { registered: true, posture: compliant, platform: unknown, from: 203.0.113.7 }, expect: { verdict: refuse, rule: Old iOS }',
    'given: { registered: true, registeredAgo: 30m, from: 203.0.113.7 }, expect: forward',
    'given: { registered: true, from: 203.0.113.7 }, expect: { verdict: refuse, reason: device.posture-unknown }',
    'given: { registered: true, blocked: true, posture: compliant, from: 203.0.113.7 }, expect: { verdict: refuse, reason: device.blocked }',
    'given: { registered: false, publicPath: true, from: 203.0.113.7 }, expect: forward',
    'given: { registered: true, at: 2027-01-02, vendor: intune, vendorSeenAgo: 1h, registeredBy: [app, Wi-Fi], posture: conflict, from: 203.0.113.7 }, expect: { verdict: forward, rule: Later }',
  )
  t.strictSame(
    passed,
    passed.map(() => true),
  )
})

t.test('tests that come out otherwise fail, with what was decided and why', async (t) => {
  t.strictSame(
    results(
      'given: { registered: true, posture: noncompliant, from: 203.0.113.7 }, expect: forward',
      'given: { registered: false, from: 10.20.0.5 }, expect: { verdict: register, rule: Else }',
      'given: { registered: true, from: 203.0.113.7 }, expect: { verdict: refuse, reason: device.blocked }',
    ),
    [false, false, false],
  )
  const policy = policyOf(
    `${rules}tests: [{ name: T, given: { registered: false, from: 1.1.1.1 }, expect: refuse }]`,
  )
  t.match(runPolicyTests(policy, now), [
    {
      name: 'T',
      passed: false,
      expected: 'refuse',
      actual: { decision: { verdict: 'redirect', rule: 'Else' } },
    },
  ])
})
