import t from 'tap'
import { compilePolicy } from '../../src/policy/compile.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import { runPolicyTests } from '../../src/policy/run-tests.ts'

/** The rules that docs/mdm-tokens.md shows, with a test for each promise. */
const text = `
networks: { vpn: [10.99.0.0/16] }
registration:
  - { name: Token and certificate, when: { all: [{ evidence: mdm-token }, { evidence: certificate }] }, then: allow }
  - { name: Token from the VPN, when: { evidence: mdm-token, network: vpn }, then: allow }
  - { name: Once the token has arrived, from: 2027-02-01, when: { network: vpn, not: { evidence: mdm-token } }, then: { refuse: Install the company app. } }
  - { name: VPN, when: { network: vpn }, then: allow }
access:
  - { name: Managed, from: 2027-02-01, when: { signIn: true, not: { evidence: mdm-token } }, then: { refuse: Install the company app. } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
tests:
  - { name: token and certificate, given: { registered: false, from: 203.0.113.7, evidence: [mdm-token, certificate] }, expect: { verdict: register, rule: Token and certificate } }
  - { name: a token alone is not enough, given: { registered: false, from: 203.0.113.7, evidence: mdm-token }, expect: { verdict: refuse, reason: device.unregistered } }
  - { name: a revoked token, given: { registered: false, from: 203.0.113.7, mdmToken: inactive }, expect: { verdict: refuse, reason: token.inactive } }
  - { name: an unknown token, given: { registered: false, from: 203.0.113.7, mdmToken: unknown }, expect: { verdict: refuse, reason: token.unknown } }
  - { name: a revoked token is no evidence, given: { registered: false, from: 10.99.0.1, mdmToken: inactive, at: 2027-03-01 }, expect: { verdict: refuse, rule: Once the token has arrived } }
  - { name: before its date the VPN is enough, given: { registered: false, from: 10.99.0.1, at: 2027-01-31 }, expect: { verdict: register, rule: VPN } }
  - { name: from its date on it is not, given: { registered: false, from: 10.99.0.1, at: 2027-02-01 }, expect: refuse }
  - { name: sign-in before the date, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, at: 2027-01-31 }, expect: forward }
  - { name: sign-in after the date, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, at: 2027-02-01 }, expect: { verdict: refuse, rule: Managed } }
  - { name: with a token, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, evidence: mdm-token, at: 2027-02-01 }, expect: forward }
  - { name: between sign-ins, given: { registered: true, from: 203.0.113.7, posture: compliant, at: 2027-02-01 }, expect: forward }
  - { name: registered by a token that is active, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, registeredBy: mdm-token }, expect: forward }
  - { name: registered by one that was revoked, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, registeredBy: mdm-token, mdmToken: inactive }, expect: { verdict: refuse, reason: token.inactive } }
  - { name: registered by one that nobody knows of, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, registeredBy: mdm-token, mdmToken: missing }, expect: { verdict: refuse, reason: token.missing } }
  - { name: a session goes on, given: { registered: true, from: 203.0.113.7, posture: compliant, registeredBy: mdm-token, mdmToken: inactive }, expect: forward }
  - { name: registered by something else, given: { registered: true, from: 203.0.113.7, posture: compliant, signIn: true, registeredBy: network, mdmToken: inactive, at: 2027-01-01 }, expect: forward }
`

t.test(
  'rules ask for the token in both lists, from a start date on; what registered by one signs in by one',
  async (t) => {
    const { policy, problems } = parsePolicy(text, 'policy.yaml')
    t.strictSame(problems, [])
    const results =
      policy === undefined ? [] : runPolicyTests(compilePolicy(policy), Date.parse('2027-01-01'))
    t.equal(results.length, 16)
    for (const { name, passed, actual } of results)
      t.equal(passed, true, `${name}: ${JSON.stringify(actual.decision)}`)
  },
)
