import { readdirSync } from 'node:fs'
import t from 'tap'
import type { RequestFacts } from '../../src/domain/decision.ts'
import type { DeviceState } from '../../src/domain/registration.ts'
import { conditions } from '../../src/policy/conditions/table.ts'
import { decide } from '../../src/policy/decide.ts'
import { device, now, policyOf, request } from './helpers/policy.ts'

type Given = readonly [facts: Partial<RequestFacts>, state?: DeviceState]

interface Row {
  readonly when: string
  readonly holds: Given
  readonly fails: Given
  readonly unknown?: Given
}

const posture = (extra: Partial<DeviceState['posture']>) =>
  device({ posture: { state: 'compliant', match: 'exact', ...extra } })
const facts = (extra: Partial<RequestFacts>): Given => [extra]
const registered = (extra: Parameters<typeof device>[1]): Given => [{}, device({}, extra)]
const stranger: Given = [{}]

const rows: readonly Row[] = [
  { when: 'network: wifi', holds: facts({ source: '10.20.0.1' }), fails: facts({ source: '10.21.0.1' }) },
  { when: 'network: [vpn, wifi]', holds: facts({ source: '10.20.0.1' }), fails: facts({ source: 'junk' }) },
  {
    when: 'network: vpn',
    holds: facts({ vouchedNetworks: ['vpn'] }),
    fails: facts({ vouchedNetworks: ['wifi'] }),
  },
  { when: 'service: [chat, mail]', holds: facts({}), fails: facts({ service: 'sso' }) },
  { when: 'client: browser', holds: facts({}), fails: facts({ client: 'lync' }) },
  { when: 'path: /admin', holds: facts({ path: '/admin/x' }), fails: facts({ path: '/administrator' }) },
  { when: 'method: [POST, PUT]', holds: facts({ method: 'PUT' }), fails: facts({ method: 'GET' }) },
  { when: 'signIn: true', holds: facts({ signIn: true }), fails: facts({ signIn: false }) },
  { when: 'signIn: false', holds: facts({ signIn: false }), fails: facts({ signIn: true }) },
  {
    when: 'user: [Kim@example.com, "svc-*"]',
    ...{ holds: facts({ user: 'svc-backup' }), fails: facts({ user: 'svx-1' }), unknown: stranger },
  },
  { when: 'user: kim@example.com', holds: registered({}), fails: registered({ user: 'joe' }) },
  {
    when: 'group: directors',
    ...{ holds: facts({ user: 'ada@example.com' }), fails: facts({ user: 'joe' }), unknown: stranger },
  },
  {
    when: 'group: by-token',
    holds: facts({ user: 'joe', groups: ['by-token'] }),
    ...{ fails: facts({ user: 'joe', groups: ['others'] }), unknown: facts({ user: 'joe' }) },
  },
  {
    when: 'platform: [ios, ipados]',
    ...{ holds: facts({ platform: 'ipados' }), fails: facts({ platform: 'android' }), unknown: stranger },
  },
  {
    when: 'platform: ios',
    holds: registered({ device: { platform: 'ios' } }),
    ...{
      fails: [{ platform: 'other' }, device({}, { device: { platform: 'ios' } })],
      unknown: registered({}),
    },
  },
  {
    when: 'model: "iPhone1*"',
    ...{ holds: facts({ model: 'IPHONE14,2' }), fails: facts({ model: 'iPhone9' }), unknown: stranger },
  },
  {
    when: 'osVersion: "<17.5"',
    ...{
      holds: facts({ osVersion: '17.4.9 (21E1)' }),
      fails: facts({ osVersion: '17.10' }),
      unknown: stranger,
    },
  },
  {
    when: 'osVersion: [">=14 <15", "17"]',
    ...{
      holds: facts({ osVersion: '17.2' }),
      fails: facts({ osVersion: '15' }),
      unknown: facts({ osVersion: 'x' }),
    },
  },
  {
    when: 'evidence: [app, certificate]',
    ...{ holds: facts({ evidence: ['certificate'] }), fails: facts({ evidence: ['mdm-token'] }) },
  },
  { when: 'evidence: network', holds: facts({ source: '10.20.0.1' }), fails: facts({}) },
  {
    when: 'binding: [key, certificate]',
    ...{
      holds: registered({ binding: 'key' }),
      fails: registered({ binding: 'claimed' }),
      unknown: stranger,
    },
  },
  {
    when: 'registeredBy: [app, VPN]',
    ...{ holds: registered({ rule: 'VPN' }), fails: registered({}), unknown: stranger },
  },
  { when: 'registeredBy: network', holds: registered({}), fails: registered({ evidence: ['app'] }) },
  {
    when: 'registeredWithin: 1h',
    holds: registered({ registeredAt: now - 3_600_000 }),
    ...{ fails: registered({ registeredAt: now - 3_600_001 }), unknown: stranger },
  },
  {
    when: 'posture: [compliant, unknown]',
    ...{ holds: [{}, device()], fails: [{}, posture({ state: 'conflict' })], unknown: stranger },
  },
  {
    when: 'vendor: intune',
    ...{
      holds: [{}, posture({ vendor: 'intune' })],
      fails: [{}, posture({ vendor: 'jamf' })],
      unknown: [{}, device()],
    },
  },
  {
    when: 'match: [exact, likely]',
    ...{ holds: [{}, device()], fails: [{}, posture({ match: 'ambiguous' })], unknown: stranger },
  },
  {
    when: 'vendorSeenWithin: 1d',
    holds: [{}, posture({ checkedAt: now - 86_400_000 })],
    ...{ fails: [{}, posture({ checkedAt: now - 86_400_001 })], unknown: [{}, device()] },
  },
  {
    when: 'not: { platform: android }',
    ...{ holds: facts({ platform: 'ios' }), fails: facts({ platform: 'android' }), unknown: stranger },
  },
  {
    when: 'any: [{ platform: ios }, { method: POST }]',
    ...{ holds: facts({ method: 'POST' }), fails: facts({ platform: 'linux' }), unknown: stranger },
  },
  {
    when: 'all: [{ platform: ios }, { method: POST }]',
    holds: facts({ platform: 'ios', method: 'POST' }),
    ...{ fails: facts({ method: 'GET' }), unknown: facts({ method: 'POST' }) },
  },
  {
    when: 'not: { all: [{ not: { platform: ios } }] }',
    ...{ holds: facts({ platform: 'ios' }), fails: facts({ platform: 'linux' }), unknown: stranger },
  },
]

const head = `
networks: { wifi: [10.20.0.0/16], vpn: [10.99.0.0/16] }
groups: { directors: [Ada@example.com] }
`

/** Registers or forwards; refuses; and each with the condition negated. */
function verdicts(when: string, [own, state]: Given): string[] {
  const list = state === undefined ? 'registration' : 'access'
  return [when, `not: { ${when} }`].flatMap((conditionText) =>
    ['allow', '{ refuse: no }'].map((then) => {
      const policy = policyOf(`${head}${list}: [{ name: R, when: { ${conditionText} }, then: ${then} }]`)
      const { verdict, rule } = decide(request(own), state, policy, now)
      return rule === undefined ? 'no match' : verdict
    }),
  )
}

for (const { when, holds, fails, unknown } of rows) {
  t.test(when, async (t) => {
    const allowed = holds[1] === undefined ? 'register' : 'forward'
    t.strictSame(verdicts(when, holds), [allowed, 'refuse', 'no match', 'no match'], 'holds')
    const other = fails[1] === undefined ? 'register' : 'forward'
    t.strictSame(verdicts(when, fails), ['no match', 'no match', other, 'refuse'], 'does not hold')
    if (unknown !== undefined) {
      const closed = ['no match', 'refuse', 'no match', 'refuse']
      t.strictSame(verdicts(when, unknown), closed, 'not known: opens nothing, closes everything')
    }
  })
}

t.test('every condition has its row above', async (t) => {
  for (const { name } of conditions)
    t.ok(
      rows.some(({ when }) => when.startsWith(`${name}:`)),
      name,
    )
})

t.test('each condition is one file in the folder and one line in the table', async (t) => {
  const files = readdirSync(new URL('../../src/policy/conditions', import.meta.url)).filter(
    (name) => name !== 'table.ts',
  )
  const expected = conditions.map(({ name }) => `${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}.ts`)
  t.strictSame(files.sort(), expected.sort())
})

t.test('a path that refuses does so in every letter case, a path that allows only in its own', async (t) => {
  const path = facts({ path: '/ADMIN/x' })
  t.strictSame(verdicts('path: /admin', path), ['no match', 'refuse', 'no match', 'refuse'])
})

t.test(
  'a condition that is known to be false settles the rule, whatever is not known beside it',
  async (t) => {
    const android = facts({ platform: 'android' })
    t.strictSame(verdicts('platform: ios, osVersion: "<17.5"', android), [
      'no match',
      'no match',
      'register',
      'refuse',
    ])
  },
)
