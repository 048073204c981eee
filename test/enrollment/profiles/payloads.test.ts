import { globSync } from 'node:fs'
import { basename } from 'node:path'
import t, { type Test } from 'tap'
import { z } from 'zod'
import {
  type Field,
  type Fields,
  type PayloadDefinition,
  userEnrollmentOf,
} from '../../../src/enrollment/profiles/payloads/payload.ts'
import { payloads } from '../../../src/enrollment/profiles/payloads/table.ts'
import { profilesReference } from '../../../src/enrollment/profiles/reference.ts'
import { appleSchema } from '../apple-schema.ts'
import {
  type AppleKey,
  type AppleSchema,
  find,
  flat,
  legacy,
  readAppleSchema,
  type Systems,
} from './apple-keys.ts'

const root = new URL('../../..', import.meta.url).pathname

const schemas = appleSchema()

t.test('the table lists every payload of the folder', async (t) => {
  const shared = ['payload', 'fields', 'table', 'mail-account']
  const files = globSync('src/enrollment/profiles/payloads/*.ts', { cwd: root }).map((file) =>
    basename(file, '.ts'),
  )
  t.strictSame(files.filter((name) => !shared.includes(name)).sort(), payloads.map(({ name }) => name).sort())
})

t.test('every key says what it is, and belongs to one of Apple’s alone', async (t) => {
  for (const payload of payloads) {
    const seen = new Set<string>()
    for (const { name, field } of flat(payload.fields)) {
      const description = z.globalRegistry.get(field.schema)?.description ?? ''
      t.ok(description.length > 2, `${payload.name}: ${name}`)
      if (field.key === undefined) continue
      t.notOk(seen.has(field.key), `${payload.name}: ${field.key} once`)
      seen.add(field.key)
    }
    for (const key of Object.keys(payload.facts ?? {}))
      t.ok(seen.has(key), `${payload.name}: facts of ${key}`)
  }
})

t.test('the reference says of every key that holds on supervised devices alone that it does', async (t) => {
  const sections = profilesReference().split('\n## ')
  for (const payload of payloads) {
    const lines = (sections.find((one) => one.startsWith(`\`${payload.name}\``)) ?? '').split('\n')
    for (const { name, field } of flat(payload.fields)) {
      if (field.key === undefined || payload.facts?.[field.key]?.supervised !== true) continue
      const line = lines.find((one) => one.startsWith('- ') && one.includes(`${name}\`:`)) ?? ''
      t.match(line, /supervised only/, `${payload.name}: ${name}`)
    }
  }
  t.match(
    sections.find((one) => one.startsWith('`passcode`')),
    /Not in user enrollments of Macs\./,
  )
})

/** Facts of Apple's schema, release 2024-11, so that the table is held to something without the clone, too. */
const facts: readonly (readonly [string, string, string, string, unknown?])[] = [
  ['exchange', 'Host', 'string', 'iOS 4.0'],
  ['exchange', 'SSL', 'boolean', 'iOS 4.0'],
  ['exchange', 'MailNumberOfPastDaysToSync', 'integer', 'iOS 4.0', [0, 1, 3, 7, 14, 31]],
  ['exchange', 'EnableNotes', 'boolean', 'iOS 13.0'],
  ['imap', 'IncomingMailServerPortNumber', 'integer', 'iOS 4.0'],
  ['wifi', 'EAPClientConfiguration.AcceptEAPTypes', 'array', 'iOS 4.0', [13, 17, 18, 21, 23, 25, 43]],
  ['wifi', 'EncryptionType', 'string', 'iOS 4.0', ['WEP', 'WPA', 'WPA2', 'WPA3', 'Any', 'None']],
  ['vpn', 'IKEv2.EnablePFS', 'integer', 'iOS 9.0', [0, 1]],
  ['vpn', 'IKEv2.MTU', 'integer', 'iOS 14.0', [1280, 1400]],
  ['passcode', 'maxFailedAttempts', 'integer', 'iOS 4.0', [2, 11]],
  ['passcode', 'minLength', 'integer', 'iOS 4.0', [0, 16]],
  ['passcode', 'pinHistory', 'integer', 'iOS 4.0', [1, 50]],
  ['restrictions', 'allowInAppPurchases', 'boolean', 'iOS 4.0'],
  ['restrictions', 'safariAcceptCookies', 'real', 'iOS 4.0', [0, 1, 1.5, 2]],
  ['restrictions', 'allowMarketplaceAppInstallation', 'boolean', 'iOS 17.4 supervised'],
  ['scep', 'PayloadContent.Key Usage', 'integer', 'iOS 4.0'],
  ['scep', 'PayloadContent.Subject', 'array', 'iOS 4.0'],
  ['certificate', 'PayloadContent', 'data', 'iOS 4.0'],
]

t.test('keys, types, ranges and systems are Apple’s: some by heart', async (t) => {
  for (const [name, key, type, since, allowed] of facts) {
    const payload = payloads.find((one) => one.name === name)
    const field = flat(payload?.fields ?? {}).find((one) => one.field.key === key)?.field
    const own = payload?.facts?.[key]
    const ios = `iOS ${own?.ios ?? payload?.systems.ios}${own?.supervised ? ' supervised' : ''}`
    t.strictSame([field?.type, ios], [type, since], `${name}: ${key}`)
    if (allowed !== undefined) t.strictSame(field?.values ?? field?.range, allowed, `${name}: ${key}`)
  }
})

t.test('keys, types, ranges and systems are Apple’s: all, by its own schema', async (t) => {
  if (schemas === undefined) {
    t.comment(
      'GATEHOUSE_APPLE_SCHEMA names no clone of github.com/apple/device-management: only the facts above were checked',
    )
    t.pass('held to the facts above')
    return
  }
  for (const payload of payloads) {
    const schema = readAppleSchema(schemas, payload.type)
    t.test(payload.name, async (t) => compare(t, payload, schema))
  }
})

/** Apple has no range, or a list that we do not follow to its end: weak algorithms and short keys are not offered. */
const narrower = new Set([
  'IKEv2.IKESecurityAssociationParameters.EncryptionAlgorithm',
  'IKEv2.IKESecurityAssociationParameters.IntegrityAlgorithm',
  'IKEv2.IKESecurityAssociationParameters.DiffieHellmanGroup',
  'IKEv2.ChildSecurityAssociationParameters.EncryptionAlgorithm',
  'IKEv2.ChildSecurityAssociationParameters.IntegrityAlgorithm',
  'IKEv2.ChildSecurityAssociationParameters.DiffieHellmanGroup',
  'PayloadContent.Keysize',
])

function compare(t: Test, payload: PayloadDefinition, { payload: head, payloadkeys }: AppleSchema): void {
  const { iOS, macOS } = head.supportedOS
  t.equal(payload.systems.ios, iOS?.introduced, 'iOS')
  t.equal(payload.systems.macos ?? 'n/a', macOS?.introduced ?? 'n/a', 'macOS')
  if (payload.systems.macos)
    t.equal(payload.macosUserChannel ?? false, macOS?.devicechannel === false, 'channel of a Mac')
  for (const [system, apple] of [
    ['ios', iOS],
    ['macos', macOS],
  ] as const)
    if (payload.systems[system] !== undefined)
      t.equal(
        userEnrollmentOf(payload, system),
        apple?.userenrollment?.mode ?? 'allowed',
        `user enrollment of ${system}`,
      )
  compareKeys(t, { payload, fields: payload.fields, keys: payloadkeys, above: head.supportedOS })
  const written = new Set(flat(payload.fields).map(({ field }) => field.key?.split('.')[0]))
  for (const key of payloadkeys) {
    if (key.presence !== 'required') continue
    const always = written.has(key.key) || payload.fixed?.[key.key] !== undefined
    t.ok(always, `${key.key} is required, and written`)
  }
}

interface Comparison {
  readonly payload: PayloadDefinition
  readonly fields: Fields
  readonly keys: readonly AppleKey[]
  readonly above: Systems
}

function compareKeys(t: Test, { payload, fields, keys, above }: Comparison): void {
  for (const { field } of flat(fields, false)) {
    const { key } = field
    if (key === undefined || legacy.has(key)) continue
    const found = find(keys, key.split('.'), above)
    if (found === undefined) {
      t.fail(`Apple has no key ${key}`)
      continue
    }
    compareKey(t, { payload, field, apple: found.key, systems: found.systems })
    const item = found.key.subkeys?.[0]
    if (field.fields !== undefined && item !== undefined)
      compareKeys(t, { payload, fields: field.fields, keys: item.subkeys ?? [], above: found.systems })
  }
}

interface KeyComparison {
  readonly payload: PayloadDefinition
  readonly field: Field
  readonly apple: AppleKey
  readonly systems: Systems
}

function compareKey(t: Test, { payload, field, apple, systems }: KeyComparison): void {
  const key = field.key ?? ''
  t.equal(`<${field.type}>`, apple.type, `${key}: type`)
  const item = apple.type === '<array>' ? apple.subkeys?.[0] : apple
  if (item?.rangelist !== undefined) {
    const strange = (field.values ?? []).filter((value) => !item.rangelist?.includes(value))
    t.strictSame(strange, [], `${key}: no value that Apple does not have`)
    if (!narrower.has(key)) t.equal(field.values?.length, item.rangelist.length, `${key}: all values`)
  }
  if (apple.range !== undefined) {
    const ours = field.range ?? (field.values as readonly number[] | undefined)
    t.ok(ours, `${key}: has a range, as Apple’s`)
    const [least, most] = [Math.min(...(ours ?? [])), Math.max(...(ours ?? []))]
    t.strictSame([least, most], [apple.range.min, apple.range.max], `${key}: range`)
  }
  const own = payload.facts?.[key] ?? {}
  t.equal(own.ios ?? payload.systems.ios, systems.iOS?.introduced, `${key}: iOS`)
  t.equal(own.macos ?? payload.systems.macos ?? 'n/a', systems.macOS?.introduced ?? 'n/a', `${key}: macOS`)
  t.equal(own.supervised ?? false, systems.iOS?.supervised ?? false, `${key}: supervised`)
  for (const [system, name] of [
    ['ios', 'iOS'],
    ['macos', 'macOS'],
  ] as const)
    if (payload.systems[system] !== undefined && systems[name]?.introduced !== 'n/a')
      t.equal(
        userEnrollmentOf(payload, system, key),
        systems[name]?.userenrollment?.mode ?? 'allowed',
        `${key}: user enrollment of ${system}`,
      )
}
