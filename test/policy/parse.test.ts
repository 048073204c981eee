import t from 'tap'
import { mistakesIn, policyOf } from './helpers/policy.ts'

t.test('every mistake is told at once, with line, column, key and what was meant', async (t) => {
  const text = `networks:
  office-wifi: [10.20.0.5/16, 10.0.0.256]
registration:
  - { name: A, when: { netwrok: office-wifi }, then: allow }
  - { name: A, when: { network: [ofice-wifi] }, then: alow }
access:
  - name: B
    when: { posture: complaint, osVersion: 17.5, registeredWithin: 1 }
    then: approve
    form: 2026-02-30
  - { name: C, then: { redirect: "http://vpn.example.com" }, from: 2026-02-30 }
limits: { clientsPerUsr: 5, staleFor: 10 }
`
  t.strictSame(mistakesIn(text), [
    'policy.yaml:2:17: networks.office-wifi[0]: "10.20.0.5/16" has host bits set; the network is 10.20.0.0/16',
    'policy.yaml:2:31: networks.office-wifi[1]: "10.0.0.256" is no IP address or network (CIDR)',
    'policy.yaml:4:24: registration[0].when.netwrok: unknown key. Did you mean network? Allowed here: service, client, method, signIn, posture, match, binding, vendor, platform, network, evidence, registeredBy, registeredWithin, vendorSeenWithin, user, group, model, path, osVersion, not, any, all',
    'policy.yaml:5:13: registration[1].name: another rule is called A; names are unique',
    'policy.yaml:5:34: registration[1].when.network[0]: there is no network ofice-wifi under networks. Did you mean office-wifi? (there are: office-wifi)',
    'policy.yaml:5:55: registration[1].then: must be one of allow, approve, not "alow"; did you mean allow?',
    'policy.yaml:8:22: access[0].when.posture: must be one of compliant, noncompliant, unmanaged, conflict, unknown, not "complaint"; did you mean compliant?',
    'policy.yaml:8:44: access[0].when.osVersion: must be a version in quotes such as "<17.5", ">=14", ">=14 <17" or "17.5"',
    'policy.yaml:8:68: access[0].when.registeredWithin: must be a text, not a number',
    'policy.yaml:9:11: access[0].then: must be allow, not "approve"',
    'policy.yaml:10:5: access[0].form: unknown key. Did you mean from? Allowed here: name, when, then, from, until, mode, help',
    'policy.yaml:11:34: access[1].then.redirect: must begin with https://: what a device is sent to must not be forgeable',
    'policy.yaml:11:68: access[1].from: must be a date such as 2026-11-01 or 2026-11-01T09:00+01:00 (a date alone counts in UTC)',
    'policy.yaml:12:11: limits.clientsPerUsr: unknown key. Did you mean clientsPerUser? Allowed here: clientsPerUser, staleFor, vendorStale, vendorStaleAfter',
    'policy.yaml:12:39: limits.staleFor: must be a text, not a number',
  ])
})

const bad: [string, string, RegExp][] = [
  [
    'an unknown network under not',
    'access: [{ name: A, when: { not: { network: x } }, then: allow }]',
    /no network x/,
  ],
  [
    'an unknown network under any',
    'access: [{ name: A, when: { any: [{ network: x }] }, then: allow }]',
    /no network x/,
  ],
  [
    'one name in both lists',
    'registration: [{ name: A, then: allow }]\naccess: [{ name: A, then: allow }]',
    /unique/,
  ],
  ['an empty when', 'access: [{ name: A, when: {}, then: allow }]', /leave it out/],
  ['an empty not', 'access: [{ name: A, when: { not: {} }, then: allow }]', /leave it out/],
  ['an empty list', 'access: [{ name: A, when: { user: [] }, then: allow }]', /at least 1/],
  ['an empty any', 'access: [{ name: A, when: { any: [] }, then: allow }]', /at least 1/],
  ['a bad path', 'access: [{ name: A, when: { path: admin }, then: allow }]', /begins with \//],
  [
    'a bad test',
    'tests: [{ name: A, given: { registered: true, from: here }, expect: forward }]',
    /IP address/,
  ],
  [
    'a test of a wrong verdict',
    'tests: [{ name: A, given: { registered: true, from: 1.1.1.1 }, expect: pass }]',
    /forward/,
  ],
  ['a redirect with a password', 'access: [{ name: A, then: { redirect: "https://a:b@c" } }]', /no user/],
  ['a rule without an action', 'access: [{ name: A }]', /access\[0\]\.then: /],
  [
    'an alias bomb',
    `a: &a [x]\n${'b: &b [*a, *a]\n'.repeat(1)}c: [${'*b, '.repeat(120)}]`,
    /more than 100 aliases/,
  ],
  ['a key that stands twice', 'access: []\naccess: []', /policy\.yaml:2:1: this key stands twice/],
  [
    'nesting without end',
    `access: [{ name: A, then: allow, when: ${'{ not: '.repeat(17)}{ signIn: true }${' }'.repeat(17)} }]`,
    /at most 16/,
  ],
  ['a list where a mapping belongs', '[]', /must be a mapping/],
]

for (const [title, text, message] of bad) {
  t.test(`${title} is refused`, async (t) => t.match(mistakesIn(text).join('\n'), message))
}

t.test('sixteen levels of conditions are read', async (t) => {
  const when = `${'{ not: '.repeat(15)}{ signIn: true }${' }'.repeat(15)}`
  t.strictSame(mistakesIn(`access: [{ name: A, then: allow, when: ${when} }]`), [])
})

t.test('an alias shares a condition between rules', async (t) => {
  const text =
    'access:\n  - { name: A, when: &ios { platform: ios }, then: allow }\n  - { name: B, when: *ios, then: { refuse: no } }'
  t.strictSame(policyOf(text).document.access[1]?.when, { platform: 'ios' })
})

t.test('what is left out has its default', async (t) => {
  const policy = policyOf('{}')
  const others = { staleFor: 600_000, vendorStale: 'refuse', vendorStaleAfter: 86_400_000 }
  t.strictSame(policy.limits, { clientsPerUser: 10, ...others })
  t.strictSame(policyOf('limits: { clientsPerUser: 3 }').limits, { clientsPerUser: 3, ...others })
})

t.test('the digest tells two texts apart', async (t) => {
  t.not(policyOf('{}').digest, policyOf('{ }').digest)
})

t.test('an address is in every network that holds it', async (t) => {
  const policy = policyOf('networks: { a: [10.0.0.0/8], b: [10.1.0.0/16, "fd00::/8"], c: [192.0.2.1] }')
  t.strictSame(policy.networksOf('10.1.2.3'), ['a', 'b'])
  t.strictSame(policy.networksOf('fd12::1'), ['b'])
  t.strictSame(policy.networksOf('::ffff:192.0.2.1'), ['c'])
  t.strictSame(policy.networksOf('192.0.2.2'), [])
})
