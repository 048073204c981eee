import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildProfile, templateOf } from '../../../src/enrollment/profiles/build-profile.ts'
import type { PayloadDefinition } from '../../../src/enrollment/profiles/payloads/payload.ts'
import { payloads } from '../../../src/enrollment/profiles/payloads/table.ts'
import { payloadSchema } from '../../../src/enrollment/profiles/profile-schema.ts'
import { isPlistDict, type PlistDict, PlistReal, type PlistValue } from '../../../src/lib/plist/values.ts'
import { type JsonSchema, jsonSchemaOf } from '../../../src/settings/json-schema.ts'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { appleSchema } from '../apple-schema.ts'
import { type AppleKey, legacy, readAppleSchema } from './apple-keys.ts'
import { organisation, read } from './support.ts'

/** What each kind cannot be without. */
const least: Readonly<Record<string, object>> = {
  exchange: { host: 'mail.example.com' },
  imap: { incomingHost: 'i', outgoingHost: 'o' },
  pop: { incomingHost: 'i', outgoingHost: 'o' },
  wifi: { ssid: 'Staff' },
  vpn: { name: 'V', server: 's', serverId: 's', localId: 'l', identity: 'other-scep' },
  ldap: { host: 'h', search: [{ base: 'dc=example' }] },
  webclip: { label: 'L', url: 'https://example.com/' },
  certificate: { file: 'ca.pem' },
  intermediate: { file: 'ca.pem' },
  identity: { file: 'identity.p12' },
}

/** What a key needs beside it. */
const companions: Readonly<Record<string, object>> = {
  wifi: { eap: ['ttls'], identity: 'other-scep', trustedServers: ['radius'], proxyHost: 'p', proxyPort: 1 },
  vpn: {
    ...{ extendedAuthentication: true, sharedSecret: { env: 'REMOVAL' } },
    ...{ serverIssuer: 'CA', dnsServers: ['10.0.0.1'] },
  },
  scep: { url: 'https://scep.example.com/', subject: { CN: 'x' } },
}

/** Keys of every payload. */
const frame: readonly AppleKey[] = [
  ...['PayloadType', 'PayloadIdentifier', 'PayloadUUID', 'PayloadDisplayName'].map((key) => ({
    key,
    type: '<string>',
  })),
  { key: 'PayloadVersion', type: '<integer>' },
]

t.test('whatever is written in a file, Apple’s schema allows what becomes of it', async (t) => {
  const folder = appleSchema()
  if (folder === undefined) {
    t.pass('GATEHOUSE_APPLE_SCHEMA names no clone of github.com/apple/device-management')
    return
  }
  const tool = openssl(t)
  selfSigned(tool, 'ca')
  const files = {
    'ca.pem': readFileSync(join(tool.folder, 'ca.crt')),
    'identity.p12': Buffer.from([0x30, 0]),
    'icon.png': Buffer.from('89504e470d0a1a0a', 'hex'),
  }
  for (const payload of payloads)
    t.test(payload.name, async (t) => {
      const { payloadkeys } = readAppleSchema(folder, payload.type)
      const base = least[payload.name] ?? {}
      const { properties = {} } = jsonSchemaOf(payloadSchema(payload)) as JsonSchema
      const cases = [base]
      for (const [name, schema] of Object.entries(properties))
        for (const value of samples(schema, name)) cases.push({ ...base, [name]: value })
      for (const values of cases) {
        const content = written(t, payload, values, files)
        const what = JSON.stringify(values)
        t.strictSame(mistakesIn(content, [...payloadkeys, ...frame], payload.name), [], what)
      }
    })
})

/** The payload as it is sent; with what else it needs, if it is not allowed alone. */
function written(
  t: Test,
  { name }: PayloadDefinition,
  values: object,
  files: Readonly<Record<string, Buffer>>,
): PlistDict {
  const attempt = (all: object) =>
    read(
      t,
      JSON.stringify({
        ...{ name: 'test', title: 'Test', assign: { everyone: true } },
        payloads: [
          { [name]: all },
          { scep: { id: 'other-scep' } },
          { certificate: { id: 'ca', file: 'ca.pem' } },
        ],
      }),
      files,
    )
  const alone = attempt(values)
  const { profile, problems } = alone.profile ? alone : attempt({ ...companions[name], ...values })
  if (profile === undefined) {
    t.fail(`${JSON.stringify(values)}: ${problems.map(({ key, message }) => `${key} ${message}`)}`)
    return {}
  }
  const person = { user: 'ann', email: 'ann@example.com', name: 'Ann', organisation: 'Example Corp' }
  return buildProfile(templateOf(profile, organisation), { values: person, userEnrollment: undefined })
    .payloads[0]!
}

interface Written extends JsonSchema {
  readonly minimum?: number
  readonly maximum?: number
}

/** What can be written for a key: each end of its range, each of its values. */
function samples(schema: Written, name: string): readonly unknown[] {
  if (name === 'id' || name === 'title') return ['other']
  if (/password|secret|challenge/i.test(name) && schema.type !== 'boolean') return [{ env: 'REMOVAL' }]
  if (name === 'file' || name === 'icon') return []
  if (/identity$/i.test(name)) return ['other-scep']
  if (name === 'anchors') return [['ca']]
  if (schema.enum !== undefined) return schema.enum
  if (schema.type === 'boolean') return [true, false]
  if (schema.type === 'integer') return [schema.minimum, schema.maximum]
  if (schema.type === 'array') return samples(schema.items ?? {}, 'item').map((one) => [one])
  if (schema.properties !== undefined) {
    const required = Object.fromEntries(
      (schema.required ?? []).map((key) => [key, samples(schema.properties?.[key] ?? {}, key)[0]]),
    )
    return Object.entries(schema.properties).flatMap(([key, one]) =>
      samples(one, key).map((value) => ({ ...required, [key]: value })),
    )
  }
  return schema.examples ?? [/url|script|probe|oauth|uri/i.test(name) ? 'https://example.com/' : 'text']
}

function mistakesIn(content: PlistDict, keys: readonly AppleKey[], path: string): readonly string[] {
  const missing = keys.filter(({ key, presence }) => presence === 'required' && !(key in content))
  return [
    ...missing.map(({ key }) => `${path}.${key} is missing`),
    ...Object.entries(content).flatMap(([key, value]) => {
      if (legacy.has(key)) return []
      const known = keys.find((one) => one.key === key)
      return known === undefined ? [`there is no ${path}.${key}`] : mistakesOf(value, known, `${path}.${key}`)
    }),
  ]
}

function mistakesOf(value: PlistValue, key: AppleKey, path: string): readonly string[] {
  const { type, range, rangelist, subkeys = [] } = key
  if (`<${typeOf(value)}>` !== type && type !== '<any>')
    return [`${path} must be ${type}, is ${typeOf(value)}`]
  if (Array.isArray(value)) {
    const [item] = subkeys
    return item === undefined ? [] : value.flatMap((one, index) => mistakesOf(one, item, `${path}[${index}]`))
  }
  if (isPlistDict(value)) return subkeys.length === 0 ? [] : mistakesIn(value, subkeys, path)
  const plain = value instanceof PlistReal ? value.value : value
  if (rangelist !== undefined && !rangelist.includes(plain)) return [`${path} must not be ${plain}`]
  if (range !== undefined && (Number(plain) < range.min || Number(plain) > range.max))
    return [`${path} must be from ${range.min} to ${range.max}`]
  return []
}

function typeOf(value: PlistValue): string {
  if (Array.isArray(value)) return 'array'
  if (value instanceof PlistReal) return 'real'
  if (value instanceof Uint8Array) return 'data'
  if (isPlistDict(value)) return 'dictionary'
  return typeof value === 'number' ? 'integer' : typeof value
}
