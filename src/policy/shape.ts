/**
 * The shape of `policy.yaml`: each key's type, default, description and example in one place. The parser, the JSON
 * Schema for editors and the reference page are made from it.
 */
import { z } from 'zod'
import { bindings, platforms } from '../domain/client-identity.ts'
import { evidenceKinds } from '../domain/evidence.ts'
import { matches, postureStates } from '../domain/posture.ts'
import { reasons } from '../domain/reason.ts'
import { clientKinds } from '../domain/service.ts'
import { canonicalAddress, IpSet } from '../lib/ip-set.ts'
import { conditions } from './conditions/table.ts'
import { startOf } from './dates.ts'
import type { Given, PolicyTest, Rule, Then, When } from './document.ts'
import { durationSchema, nameSchema, oneOrMany } from './values.ts'

/** A text that `check` finds wrong is refused with what it returns. */
function text(check: (value: string) => string | undefined) {
  return z.string().check(({ value, issues }) => {
    const message = check(value)
    if (message !== undefined) issues.push({ code: 'custom', input: value, message })
  })
}

const cidr = text((value) => {
  try {
    IpSet.of([value])
    return undefined
  } catch (error) {
    return (error as Error).message // RangeError with the reason
  }
})

const address = text((value) => (canonicalAddress(value) === undefined ? 'must be an IP address' : undefined))

const date = text((value) =>
  startOf(value) === undefined
    ? 'must be a date such as 2026-11-01 or 2026-11-01T09:00+01:00 (a date alone counts in UTC)'
    : undefined,
)

const redirectAddress = text((value) => {
  if (!URL.canParse(value)) return 'must be an address such as https://register.vpn.example.com'
  const { protocol, username, password, hash } = new URL(value)
  if (protocol !== 'https:') return 'must begin with https://: what a device is sent to must not be forgeable'
  return username + password + hash === '' ? undefined : 'must hold no user, password or fragment'
})

const sentence = z.string().min(1).max(500)

const when: z.ZodType<When> = z.strictObject({
  ...Object.fromEntries(
    conditions.map(({ name, schema, description, example }) => [
      name,
      schema.optional().meta({ description, examples: [example] }),
    ]),
  ),
  get not() {
    return when
      .optional()
      .meta({ description: 'Holds when what is inside does not. What is not known stays not known.' })
  },
  get any() {
    return z.array(when).min(1).optional().meta({ description: 'Holds when one of these does.' })
  },
  get all() {
    return z.array(when).min(1).optional().meta({ description: 'Holds when each of these does.' })
  },
}) as z.ZodType<When> // the keys come from the table, which TypeScript does not see

const redirect = z.strictObject({
  redirect: redirectAddress.meta({ description: 'Where the client is sent, in its own protocol’s terms.' }),
})
const refuse = z.strictObject({ refuse: sentence.meta({ description: 'What the user is told.' }) })

const accessThen = z.union([z.literal('allow'), redirect, refuse])
const registrationThen = z.union([z.enum(['allow', 'approve']), redirect, refuse])

function rule(action: z.ZodType<Then>, description: string): z.ZodType<Rule> {
  return z.strictObject({
    name: nameSchema.meta({
      description: 'Stands in logs, in explanations and in registrations. Unique in the file.',
      examples: ['Certificate Wi-Fi'],
    }),
    when: when
      .optional()
      .meta({ description: 'The conditions; several must all hold. Without it the rule always holds.' }),
    // biome-ignore lint/suspicious/noThenProperty: the policy's own word; its values are never callable
    then: action.meta({ description }),
    from: date.optional().meta({
      description: 'The rule is in force from this date on; until then it is announced.',
      examples: ['2026-11-01'],
    }),
    until: date.optional().meta({
      description: 'The rule is in force until the end of this date. Give every exemption one.',
      examples: ['2026-12-31'],
    }),
    mode: z.enum(['enforce', 'monitor']).default('enforce').meta({
      description: '`monitor`: what the rule would decide is recorded, and the next rules decide.',
    }),
    help: sentence.optional().meta({
      description: 'What the user should do; shown on the page and in the protocol’s own messages.',
      examples: ['Connect to the Wi-Fi “Company” and open the app again.'],
    }),
  })
}

const registrationRule = rule(
  registrationThen,
  '`allow` registers the client when its sign-in succeeds; `approve` lets it wait for an administrator; `redirect` sends it to the VPN address; `refuse` says no.',
)
const accessRule = rule(
  accessThen,
  '`allow` lets the request through; `redirect` sends the client to the VPN address; `refuse` says no.',
)

const verdict = z.enum(['forward', 'register', 'redirect', 'refuse', 'await-approval'])

const given: z.ZodType<Given> = z.strictObject({
  registered: z.boolean().meta({ description: 'The client has a registration.' }),
  from: address.meta({ description: 'The source address.', examples: ['203.0.113.7'] }),
  service: nameSchema.optional(),
  client: z.enum(clientKinds).optional().meta({ description: '`browser` when not given.' }),
  path: z.string().startsWith('/').optional().meta({ description: '`/` when not given.' }),
  method: z.string().optional().meta({ description: '`GET` when not given.' }),
  signIn: z.boolean().optional().meta({ description: '`false` when not given.' }),
  user: nameSchema.optional().meta({
    description: 'The user who signs in or is registered. A registered client has one even when not given.',
  }),
  groups: z.array(nameSchema).optional().meta({ description: 'Groups that a verified token carries.' }),
  platform: z
    .enum([...platforms, 'unknown'])
    .optional()
    .meta({ description: '`other` when not given; `unknown` for a client that does not say.' }),
  model: nameSchema.optional(),
  osVersion: z.string().optional(),
  evidence: oneOrMany(z.enum(evidenceKinds).exclude(['network']))
    .optional()
    .meta({
      description: 'What speaks for the client beside its network.',
    }),
  mdmToken: z.enum(['active', 'inactive', 'unknown', 'missing']).optional().meta({
    description:
      'The MDM token that the client shows, or that is remembered of it. `active` when `evidence` or `registeredBy` names it, `missing` otherwise.',
  }),
  binding: z.enum(bindings).optional().meta({ description: '`cookie` when not given.' }),
  registeredBy: oneOrMany(nameSchema).optional().meta({ description: 'Evidence, or a registration rule.' }),
  registeredAgo: durationSchema.optional().meta({ description: '`7d` when not given.' }),
  posture: z.enum(postureStates).optional().meta({ description: '`unknown` when not given.' }),
  vendor: nameSchema.optional(),
  match: z.enum(matches).optional().meta({ description: '`exact`, or `none` for an unknown posture.' }),
  vendorSeenAgo: durationSchema.optional(),
  blocked: z.boolean().optional().meta({ description: 'An administrator has blocked the client.' }),
  publicPath: z.boolean().optional().meta({ description: 'The service lists the path as public.' }),
  at: date.optional().meta({ description: 'When the request comes; now when not given.' }),
})

const test: z.ZodType<PolicyTest> = z.strictObject({
  name: nameSchema,
  given,
  expect: z.union([
    verdict,
    z.strictObject({
      verdict,
      rule: nameSchema.optional(),
      reason: z.enum(Object.keys(reasons) as [string, ...string[]]).optional(),
    }),
  ]),
})

const defaults = {
  clientsPerUser: 10,
  staleFor: '10m',
  vendorStale: 'refuse' as const,
  vendorStaleAfter: '24h',
}

/** The top level, each section with what it is for. */
export const policyShape = z.strictObject({
  networks: z
    .record(nameSchema, z.array(cidr).min(1))
    .default({})
    .meta({
      description: 'Named networks (CIDRs), for the condition `network`.',
      examples: ['{ office-wifi: [10.20.0.0/16], vpn: [10.99.0.0/16, "fd00:99::/64"] }'],
    }),
  groups: z
    .record(nameSchema, z.array(nameSchema))
    .default({})
    .meta({
      description:
        'Named lists of users, for the condition `group`. `*` in a user stands for any characters.',
      examples: ['{ contractors: ["*@contractor.example", kim@example.com] }'],
    }),
  registration: z.array(registrationRule).max(10_000).default([]).meta({
    description:
      'Who may register: asked for an unregistered client. The first rule that matches decides; none refuses.',
  }),
  access: z.array(accessRule).max(10_000).default([]).meta({
    description:
      'Who may connect: asked for a registered client, at every request. The first rule that matches decides; none refuses.',
  }),
  limits: z
    .strictObject({
      clientsPerUser: z.int().min(1).max(10_000).default(defaults.clientsPerUser).meta({
        description: 'Clients that one user may register with one service.',
      }),
      staleFor: durationSchema.default(defaults.staleFor).meta({
        description: 'How long a device state that was read still counts when the record cannot be read.',
      }),
      vendorStale: z.enum(['keep', 'refuse']).default(defaults.vendorStale).meta({
        description:
          'When an MDM vendor has not been read to the end for `vendorStaleAfter`: `keep` the good word that it gave for a device, or `refuse` to go on believing it (the posture then counts as unknown). What it said against a device stays either way.',
      }),
      vendorStaleAfter: durationSchema.default(defaults.vendorStaleAfter).meta({
        description: 'See `vendorStale`.',
      }),
    })
    .default(defaults)
    .meta({ description: 'Limits of registration and of stale state.' }),
  tests: z
    .array(test)
    .max(10_000)
    .default([])
    .meta({
      description: 'Cases that must come out as expected: run by `policy test` and before each reload.',
      examples: [
        '[{ name: A stranger stays out, given: { registered: false, from: 203.0.113.7 }, expect: redirect }]',
      ],
    }),
})
