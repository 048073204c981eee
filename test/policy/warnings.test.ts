import t from 'tap'
import type { Service } from '../../src/domain/service.ts'
import { policyErrors, policyWarnings } from '../../src/policy/warnings.ts'
import { now, policyOf } from './helpers/policy.ts'

// Only the name of a service is looked at.
const services = [{ name: 'mail' }] as unknown as readonly Service[]

function warnings(text: string): string[] {
  const found = policyWarnings(policyOf(text), { trustedProxies: [], services, now })
  return found.map(({ rule, message }) => `${rule}: ${message}`)
}

function errors(text: string, trustedProxies: readonly string[]): string[] {
  return policyErrors(policyOf(text), { trustedProxies }).map(({ message }) => message)
}

const wifi = 'networks: { wifi: [10.20.0.0/16] }\n'
const good = `${wifi}groups: { directors: [ada] }
registration:
  - { name: Wi-Fi, when: { network: wifi }, then: allow }
  - { name: Else, then: { redirect: "https://vpn.example.com" } }
access:
  - { name: Directors, when: { group: directors, signIn: true, not: { network: wifi } }, then: { refuse: no } }
  - { name: Old iOS, when: { platform: ios, osVersion: "<17.5" }, then: { refuse: Update } }
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1h }, then: allow }
  - { name: Rooms, when: { user: "room-*", service: mail }, then: allow, until: 2026-12-31 }
`

t.test('a careful policy gives no warning', async (t) => {
  t.strictSame(warnings(good), [])
  t.strictSame(errors(good, ['10.1.0.0/24']), [])
})

const dangerous: [string, string, RegExp][] = [
  [
    'a registration network with public addresses',
    'networks: { w: [8.8.8.0/24] }\nregistration: [{ name: A, when: { network: w }, then: allow }]',
    /A: .*public addresses/,
  ],
  [
    'any network as evidence, public ones included',
    'networks: { w: [8.8.8.0/24] }\nregistration: [{ name: A, when: { any: [{ evidence: network }] }, then: approve }]',
    /A: .*public addresses/,
  ],
  [
    'registration without evidence',
    'registration: [{ name: A, when: { platform: ios }, then: allow }]',
    /A: registers whoever/,
  ],
  [
    'registration from everywhere but a network',
    `${wifi}registration: [{ name: A, when: { not: { network: wifi } }, then: allow }]`,
    /A: registers whoever.*does not come from/,
  ],
  [
    'an exemption without end',
    'access: [{ name: A, when: { user: "room-*" }, then: allow }]',
    /A: .*add until/,
  ],
  [
    'an exemption that is over',
    'access: [{ name: A, when: { user: "room-*" }, then: allow, until: 2026-01-01 }]',
    /A: is over since 2026-01-01/,
  ],
  [
    'a rule that ends before it begins',
    'access: [{ name: A, then: allow, from: 2027-02-01, until: 2027-01-01 }]',
    /A: ends .* before it begins/,
  ],
  [
    'a rule after one that always decides',
    'access: [{ name: A, then: { refuse: no } }, { name: B, when: { posture: compliant }, then: allow }]',
    /B: is never reached: A/,
  ],
  [
    'a rule after one that asks for less',
    'access: [{ name: A, when: { posture: [compliant, unknown] }, then: allow }, { name: B, when: { posture: compliant, platform: ios }, then: allow }]',
    /B: is never reached: A/,
  ],
  [
    'noncompliant blocked, unmanaged let in',
    'access: [{ name: Bad, when: { posture: noncompliant }, then: { refuse: no } }, { name: A, then: allow, until: 2027-01-01 }]',
    /A: lets unmanaged devices in/,
  ],
  [
    'noncompliant left out',
    'access: [{ name: A, when: { not: { posture: noncompliant } }, then: allow }]',
    /A: lets unmanaged/,
  ],
  [
    'a service that does not exist',
    'access: [{ name: A, when: { service: mial }, then: { refuse: no } }]',
    /no service mial. Did you mean mail/,
  ],
  [
    'a group that only tokens name',
    'access: [{ name: A, when: { group: x, signIn: true }, then: { refuse: no } }]',
    /A: the group x/,
  ],
  [
    'an origin that does not exist',
    'access: [{ name: A, when: { registeredBy: ap }, then: { refuse: no } }]',
    /registeredBy: ap .*Did you mean app/,
  ],
  [
    'a refusal that nobody can sign in through',
    'registration: [{ name: A, when: { user: bob }, then: { refuse: no } }]',
    /A: .*Add signIn: true/,
  ],
]

for (const [title, text, message] of dangerous) {
  t.test(`a warning: ${title}`, async (t) => t.match(warnings(text).join('\n'), message))
}

t.test(
  'a refusing rule after an allowing one of the same words is reached by what is not known',
  async (t) => {
    const text = `access: [{ name: A, when: { platform: ios, posture: compliant }, then: allow }, { name: B, when: { platform: ios, posture: compliant }, then: { refuse: no } }]`
    t.strictSame(warnings(text), [])
  },
)

t.test('settings in which a registration network could be forged are errors', async (t) => {
  t.match(errors(good, ['0.0.0.0/1', '128.0.0.0/1']), [/trustedProxies covers every address/])
  t.match(errors(good, ['::/0']), [/trustedProxies covers every address/])
  t.match(errors(good, ['10.20.0.9']), [/wifi holds addresses of trustedProxies/])
  t.match(errors(good.replace('10.20.0.0/16', '0.0.0.0/0'), []), [/wifi covers every address/])
  t.match(errors(good.replace('10.20.0.0/16', '"::/0"'), []), [/wifi covers every address/])
})

t.test('a network that registers nobody may be anything', async (t) => {
  t.strictSame(
    errors(
      'networks: { all: [0.0.0.0/0] }\naccess: [{ name: A, when: { network: all }, then: { refuse: no } }]',
      ['10.0.0.1'],
    ),
    [],
  )
})
