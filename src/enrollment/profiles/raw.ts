import { z } from 'zod'
import { decodeBase64 } from '../../lib/base64.ts'
import { type PlistDict, type PlistValue, real } from '../../lib/plist/values.ts'
import { isPlistText } from '../../lib/plist/write.ts'
import { Secret, type SecretSource } from '../../settings/secret.ts'
import { secretSource } from '../../settings/sections/secret.ts'
import { custom, text } from './payloads/fields.ts'
import type { PayloadDefinition, Reading, Writing } from './payloads/payload.ts'
import { textMistake } from './variables.ts'

/**
 * Any payload at all, in Apple's own keys. What YAML cannot say has a form of its own: `{ $data: BASE64 }`,
 * `{ $real: 2 }`, `{ $date: 2026-11-22T12:00:00Z }`, `{ $secret: { env: NAME } }`, `{ $uuid: ID }` of another payload.
 */
export const raw: PayloadDefinition = {
  name: 'raw',
  type: '',
  title: 'Any other payload',
  systems: { ios: '4.0', macos: '10.7' },
  fields: {
    type: text('PayloadType', 'Apple’s PayloadType.', {
      required: true,
      pattern: /^com\.apple\.[A-Za-z0-9._()-]+$/,
      sentence: 'must be a PayloadType such as com.apple.domains',
      example: 'com.apple.domains',
    }),
    content: custom(
      z.record(z.string().min(1), z.unknown()),
      'Its keys, as Apple calls them.',
      {
        prepare: (value, reading) => prepareDict(value as Readonly<Record<string, unknown>>, reading), // as the schema has it
        write: (value, writing) => writeRaw(value as Raw, writing), // what `prepare` made
      },
      { required: true, example: { EmailDomains: ['example.com'] } },
    ),
  },
  check({ type, content }) {
    const own = Object.keys((content ?? {}) as object).filter((key) => frame.has(key)) // as the schema has it
    const ours = refused[String(type)]
    return [
      ...(ours === undefined ? [] : [{ path: ['type'], message: ours }]),
      ...own.map((key) => ({ path: ['content', key], message: 'is written by Gatehouse' })),
    ]
  },
}

const frame = new Set([
  'PayloadType',
  'PayloadIdentifier',
  'PayloadUUID',
  'PayloadVersion',
  'PayloadDisplayName',
])

const refused: Readonly<Record<string, string>> = {
  'com.apple.mdm': 'the management itself comes with the enrollment, and nothing else brings it',
  'com.apple.profileRemovalPassword': 'is `removal: { password: … }` of the profile',
}

type Raw = PlistValue | Secret | PayloadUuid | readonly Raw[] | { readonly [key: string]: Raw }

class PayloadUuid {
  readonly id: string

  constructor(id: string) {
    this.id = id
  }
}

function prepareDict(value: Readonly<Record<string, unknown>>, reading: Reading): Raw {
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const within = reading.within(key)
      if (!isPlistText(key)) within.mistake('the key has control characters')
      return [key, prepareRaw(one, within)]
    }),
  )
}

function prepareRaw(value: unknown, reading: Reading): Raw {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return preparedText(value, reading)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : real(value)
  if (Array.isArray(value)) return value.map((one, index) => prepareRaw(one, reading.within(index)))
  if (typeof value !== 'object' || value === null)
    return wrong(reading, 'is empty: a property list has no such value')
  const [tag, ...more] = Object.keys(value)
  if (tag?.startsWith('$') && more.length === 0) {
    const form = forms[tag]
    const inner = Object.values(value)[0]
    return form === undefined
      ? wrong(reading, `must be one of ${Object.keys(forms).join(', ')}, not ${tag}`)
      : form(inner, reading.within(tag))
  }
  return prepareDict(value as Readonly<Record<string, unknown>>, reading) // YAML has no other mappings
}

function preparedText(value: string, reading: Reading): string {
  const message = textMistake(value.replaceAll('\n', ' '))
  return message === undefined ? value : wrong(reading, message)
}

function wrong(reading: Reading, message: string): string {
  reading.mistake(message)
  return ''
}

type Form = (value: unknown, reading: Reading) => Raw

const forms: Readonly<Record<string, Form>> = {
  $data(value, reading) {
    const bytes = typeof value === 'string' ? decodeBase64(value.replaceAll(/\s/g, '')) : undefined
    return bytes ?? wrong(reading, 'must be base64')
  },
  $real: (value, reading) => (typeof value === 'number' ? real(value) : wrong(reading, 'must be a number')),
  $date(value, reading) {
    const date =
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)
        ? new Date(value)
        : undefined
    // There is no 31st of February: it would be taken for the 3rd of March.
    const exists =
      date !== undefined && !Number.isNaN(date.getTime()) && `${date.toISOString().slice(0, 19)}Z` === value
    return date === undefined || !exists
      ? wrong(reading, 'must be a time such as 2026-11-22T12:00:00Z')
      : date
  },
  $secret(value, reading) {
    const source = secretSource().safeParse(value)
    return source.success
      ? reading.secret(source.data as SecretSource) // the codec's own output
      : wrong(reading, 'must be { env: NAME } or { file: PATH }')
  },
  $uuid(value, reading) {
    if (typeof value !== 'string')
      return wrong(reading, 'must be the `id` of another payload of this profile')
    reading.reference(value, ['identity', 'anchor', 'any'])
    return new PayloadUuid(value) as unknown as Raw // never written as it is: `writeRaw` knows it
  },
}

function writeRaw(value: Raw, writing: Writing): PlistValue {
  if (typeof value === 'string') return writing.text(value)
  if (value instanceof Secret) return writing.secret(value)
  if (value instanceof PayloadUuid) return writing.uuidOf(value.id)
  if (Array.isArray(value)) return value.map((one) => writeRaw(one as Raw, writing)) // a list of what `prepare` made
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype)
    return value as PlistValue // a scalar
  const entries = Object.entries(value as { readonly [key: string]: Raw }) // the mapping that is left
  return Object.fromEntries(entries.map(([key, one]) => [key, writeRaw(one, writing)])) as PlistDict
}
