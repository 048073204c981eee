import t from 'tap'
import type { Decision, RequestFacts } from '../../src/domain/decision.ts'
import type { DeviceState } from '../../src/domain/registration.ts'
import { decide } from '../../src/policy/decide.ts'
import { device, now, policyOf, request } from './helpers/policy.ts'

const policy = policyOf(`
networks:
  wifi: [10.20.0.0/16]
  vpn: [10.99.0.0/16, "fd00:99::/64"]
groups: { directors: [ada@example.com], contractors: ["*@contractor.example"] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
  - { name: VPN, when: { network: vpn }, then: allow, help: Welcome }
  - { name: Certificate, when: { evidence: certificate }, then: allow }
  - { name: Contractors, when: { group: contractors }, then: approve, help: Call the desk }
  - { name: No tablets, when: { model: "Tab*", signIn: true }, then: { refuse: Tablets may not register }, help: Take a phone. }
  - { name: Everyone else, when: { service: mail }, then: { redirect: "https://vpn.example.com" }, help: Join the VPN }
access:
  - { name: Directors, when: { group: directors, signIn: true, not: { network: vpn } }, then: { redirect: "https://vpn.example.com" } }
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update iOS } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1h }, then: allow }
`)

interface Case {
  readonly facts?: Partial<RequestFacts>
  readonly state?: DeviceState
  readonly expected: Decision
}

const compliant = device()
const block = { at: now, by: 'root', why: 'lost' }
const posture = (state: DeviceState['posture']['state']) =>
  device({ posture: { state, match: 'exact' } }, { registeredAt: now - 7_200_000 })
const known = { platform: 'android' } as const

const cases: Record<string, Case> = {
  'a stranger on a registration network registers when the sign-in succeeds': {
    facts: { source: '10.20.0.5' },
    expected: {
      ...{ verdict: 'register', reason: 'registration.allowed', rule: 'Wi-Fi' },
      ...{ evidence: ['network'], networks: ['wifi'] },
    },
  },
  'a visit to the VPN address counts as its network': {
    facts: { vouchedNetworks: ['vpn', 'gone'] },
    expected: {
      ...{ verdict: 'register', reason: 'registration.allowed', rule: 'VPN', help: 'Welcome' },
      ...{ evidence: ['network'], networks: ['vpn'] },
    },
  },
  'a certificate registers from anywhere, and the network is no evidence then': {
    facts: { evidence: ['certificate'] },
    expected: {
      ...{ verdict: 'register', reason: 'registration.allowed', rule: 'Certificate' },
      ...{ evidence: ['certificate'], networks: [] },
    },
  },
  'who needs approval waits': {
    facts: { user: 'joe@contractor.example', ...known },
    expected: {
      ...{ verdict: 'await-approval', reason: 'device.awaiting-approval' },
      ...{ rule: 'Contractors', help: 'Call the desk' },
    },
  },
  'who was approved registers': {
    facts: { user: 'joe@contractor.example', evidence: ['approval'] },
    expected: {
      ...{ verdict: 'register', reason: 'registration.allowed', rule: 'Contractors', help: 'Call the desk' },
      ...{ evidence: ['approval'], networks: [] },
    },
  },
  'a rule that refuses says why and what to do': {
    facts: { model: 'Tab 9', signIn: true, user: 'kim@example.com' },
    expected: {
      ...{ verdict: 'refuse', reason: 'registration.refused', rule: 'No tablets' },
      help: 'Tablets may not register. Take a phone.',
    },
  },
  'a stranger elsewhere is sent to the VPN': {
    expected: {
      ...{ verdict: 'redirect', reason: 'device.redirected', location: 'https://vpn.example.com' },
      ...{ rule: 'Everyone else', help: 'Join the VPN' },
    },
  },
  'a stranger whom no rule knows is refused': {
    facts: { service: 'chat' },
    expected: { verdict: 'refuse', reason: 'device.unregistered' },
  },
  'a compliant registered device gets in from anywhere': {
    facts: known,
    state: compliant,
    expected: { verdict: 'forward', reason: 'access.allowed', rule: 'Compliant' },
  },
  'an access rule may ask for the VPN at the sign-in': {
    facts: { ...known, signIn: true, user: 'ada@example.com' },
    state: device({}, { user: 'ada@example.com' }),
    expected: {
      ...{ verdict: 'redirect', reason: 'access.redirected', rule: 'Directors' },
      location: 'https://vpn.example.com',
    },
  },
  'on the VPN that rule lets pass': {
    facts: { ...known, signIn: true, user: 'ada@example.com', source: 'fd00:99::5' },
    state: device({}, { user: 'ada@example.com' }),
    expected: { verdict: 'forward', reason: 'access.allowed', rule: 'Compliant' },
  },
  'an old system is refused with the words of the rule': {
    facts: { platform: 'ios', osVersion: '17.4.1' },
    state: compliant,
    expected: { verdict: 'refuse', reason: 'access.refused', rule: 'Old iOS', help: 'Update iOS' },
  },
  'a device that does not say its version does not slip past the rule': {
    facts: { platform: 'ios' },
    state: compliant,
    expected: { verdict: 'refuse', reason: 'access.refused', rule: 'Old iOS', help: 'Update iOS' },
  },
  'noncompliant is refused': {
    facts: known,
    state: posture('noncompliant'),
    expected: { verdict: 'refuse', reason: 'device.noncompliant' },
  },
  'unmanaged is refused': {
    facts: known,
    state: posture('unmanaged'),
    expected: { verdict: 'refuse', reason: 'device.unmanaged' },
  },
  'conflict is refused': {
    facts: known,
    state: posture('conflict'),
    expected: { verdict: 'refuse', reason: 'device.conflict' },
  },
  'unknown is refused when the time to arrive is over': {
    facts: known,
    state: posture('unknown'),
    expected: { verdict: 'refuse', reason: 'device.posture-unknown' },
  },
  'a blocked device is refused, whatever else holds': {
    facts: { ...known, source: '10.20.0.5', publicPath: true, bypassUntil: now + 1 },
    state: device({ block }),
    expected: { verdict: 'refuse', reason: 'device.blocked' },
  },
  'a bypass lets strangers in while it lasts': {
    facts: { bypassUntil: now + 1, publicPath: true },
    expected: { verdict: 'forward', reason: 'bypass.active' },
  },
  'a bypass that is over does nothing': {
    facts: { bypassUntil: now, service: 'chat' },
    expected: { verdict: 'refuse', reason: 'device.unregistered' },
  },
  'a public path is open to strangers': {
    facts: { publicPath: true },
    expected: { verdict: 'forward', reason: 'path.public' },
  },
  'a monitored service marks what it would have stopped': {
    facts: { mode: 'monitor', service: 'chat' },
    expected: { verdict: 'refuse', reason: 'device.unregistered', monitored: true },
  },
  'a monitored service lets through unmarked what may pass': {
    facts: { mode: 'monitor', ...known },
    state: compliant,
    expected: { verdict: 'forward', reason: 'access.allowed', rule: 'Compliant' },
  },
}

for (const [title, { facts, state, expected }] of Object.entries(cases)) {
  t.test(title, async (t) => t.strictSame(decide(request(facts), state, policy, now), expected))
}

t.test('an empty policy lets nobody in', async (t) => {
  const empty = policyOf('{}')
  t.equal(decide(request(), undefined, empty, now).verdict, 'refuse')
  t.strictSame(decide(request(), compliant, empty, now), { verdict: 'refuse', reason: 'access.no-rule' })
})

t.test('a network that only a branch which failed looked at is no evidence', async (t) => {
  const any = policyOf(`
networks: { guests: [10.30.0.0/16] }
registration:
  - name: Any
    when: { any: [{ network: guests, method: POST }, { not: { network: guests } }, { evidence: certificate }] }
    then: allow
`)
  const decision = decide(request({ source: '10.30.0.1', evidence: ['certificate'] }), undefined, any, now)
  t.match(decision, { verdict: 'register', evidence: ['certificate'] })
})
