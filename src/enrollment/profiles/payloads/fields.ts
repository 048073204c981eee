/** The kinds of keys that payloads are made of. Each becomes one key of Apple's, and knows how it is written in the file. */
import { z } from 'zod'
import type { PlistValue } from '../../../lib/plist/values.ts'
import { real } from '../../../lib/plist/values.ts'
import type { Secret, SecretSource } from '../../../settings/secret.ts'
import { secretSource } from '../../../settings/sections/secret.ts'
import { path, said } from '../../../settings/sections/values.ts'
import { textMistake } from '../variables.ts'
import { type Field, type Fields, prepareFields, type Reading, type Values, writeFields } from './payload.ts'

interface Options {
  readonly required?: true
  readonly example?: unknown
  /** What is written when the file does not say; where it is left out, the system's own default holds. */
  readonly ours?: unknown
}

/** Adds what every kind has: description, example, and whether it may be left out. */
function field(
  schema: z.ZodType,
  description: string,
  { required, example, ours }: Options,
  rest: Omit<Field, 'schema' | 'required'>,
): Field {
  const present = ours === undefined ? schema : schema.prefault(ours as never) // of the schema's own type: tests read every default
  const optional = required || ours !== undefined ? present : present.exactOptional()
  const described = optional.meta({ description, ...(example !== undefined && { examples: [example] }) })
  return { ...rest, schema: described, required: required === true }
}

interface TextOptions extends Options {
  readonly pattern?: RegExp
  /** `must be …` */
  readonly sentence?: string
  /** What variables stand for is percent-encoded. */
  readonly style?: 'url'
  readonly max?: number
}

/** Text, in which variables such as `%user%` stand for what is different for each user or device. */
export function text(key: string, description: string, options: TextOptions = {}): Field {
  const { style } = options
  return field(writtenText(options), description, options, {
    key,
    type: 'string',
    write: (value, writing) => writing.text(value as string, style), // as the schema has it
  })
}

function writtenText({ pattern, sentence = 'must be a text', max = 2000 }: TextOptions): z.ZodType {
  const schema = z
    .string({ error: said(sentence) })
    .min(1, 'must not be empty')
    .max(max)
  const checked = pattern === undefined ? schema : schema.regex(pattern, sentence)
  return checked.superRefine((written, context) => {
    const message = textMistake(written)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

const hostSentence = 'must be a host name or an address, without scheme or port, such as mail.example.com'

export function host(key: string, description: string, options: Options = {}): Field {
  return text(key, description, {
    ...options,
    pattern: /^[A-Za-z0-9._:-]+$/,
    sentence: hostSentence,
    max: 253,
  })
}

export function webAddress(key: string, description: string, options: Options = {}): Field {
  return text(key, description, {
    ...options,
    pattern: /^https?:\/\/[^\s\\]+$/,
    sentence: 'must be an address such as https://intranet.example.com/',
    style: 'url',
  })
}

export function flag(key: string, description: string, options: Options = {}): Field {
  return field(z.boolean(), description, options, { key, type: 'boolean', write: plain })
}

/** `true` and `false` in the file, 1 and 0 to the device: what VPN payloads have. */
export function bit(key: string, description: string, options: Options = {}): Field {
  return field(z.boolean(), description, options, {
    key,
    type: 'integer',
    values: [0, 1],
    write: (value) => (value === true ? 1 : 0),
  })
}

/** A whole number from `least` to `most`. */
export function whole(
  key: string,
  [least, most]: readonly [number, number],
  description: string,
  options: Options = {},
): Field {
  const schema = z.int().min(least).max(most)
  return field(schema, description, options, { key, type: 'integer', range: [least, most], write: plain })
}

/** One of a few values: those of the file, and what each is to Apple. */
export function choice(
  key: string,
  choices: Readonly<Record<string, string | number>>,
  description: string,
  options: Options & { readonly real?: true } = {},
): Field {
  const values = Object.values(choices)
  const number = typeof values[0] === 'number'
  return field(z.enum(Object.keys(choices)), description, options, {
    key,
    type: options.real ? 'real' : number ? 'integer' : 'string',
    values,
    write(value) {
      const chosen = choices[String(value)] ?? ''
      return options.real ? real(Number(chosen)) : chosen
    },
  })
}

/** One of a few whole numbers. */
export function number(
  key: string,
  values: readonly number[],
  description: string,
  options: Options = {},
): Field {
  const schema = z.literal([...values], { error: `must be one of ${values.join(', ')}` })
  return field(schema, description, options, { key, type: 'integer', values, write: plain })
}

export function texts(key: string, description: string, options: TextOptions = {}): Field {
  return field(z.array(writtenText(options)).min(1), description, options, {
    key,
    type: 'array',
    write: (value, writing) => (value as readonly string[]).map((one) => writing.text(one, options.style)), // as the schema has it
  })
}

/** `[tls, peap]` in the file, `[13, 25]` to the device. */
export function choices(
  key: string,
  all: Readonly<Record<string, string | number>>,
  description: string,
  options: Options = {},
): Field {
  return field(z.array(z.enum(Object.keys(all))).min(1), description, options, {
    key,
    type: 'array',
    values: Object.values(all),
    write: (value) => (value as readonly string[]).map((one) => all[one] ?? ''), // as the schema has it
  })
}

/** `{ env: NAME }` or `{ file: PATH }`. A profile that has one is encrypted to its device. */
export function secret(key: string, description: string, options: Options = {}): Field {
  return field(secretSource(), description, options, {
    key,
    type: 'string',
    prepare: (value, reading) => reading.secret(value as SecretSource), // as the schema has it
    write: (value, writing) => writing.secret(value as Secret), // what `prepare` made
  })
}

/** The content of a file. @param read what becomes of its bytes; it notes mistakes */
export function file(
  key: string,
  description: string,
  read: (bytes: Buffer, reading: Reading) => Uint8Array,
  options: Options & { readonly isSecret?: true } = {},
): Field {
  return field(path(), description, options, {
    key,
    type: 'data',
    prepare(value, reading) {
      if (options.isSecret) reading.noteSecret()
      const bytes = reading.file(value as string) // as the schema has it
      return bytes.length === 0 ? bytes : read(bytes, reading)
    },
    write(value, writing) {
      const bytes = value as Uint8Array // what `prepare` made
      return options.isSecret ? writing.secretData(bytes) : bytes
    },
  })
}

const idSentence = 'must be the `id` of another payload of this profile'

/** The id of another payload of the same profile, which is the only place that devices look in. */
export function reference(
  key: string,
  kind: 'identity' | 'anchor',
  description: string,
  options: Options = {},
): Field {
  return field(z.string({ error: said(idSentence) }), description, options, {
    key,
    type: 'string',
    prepare(value, reading) {
      reading.reference(value as string, [kind]) // as the schema has it
      return value
    },
    write: (value, writing) => writing.uuidOf(value as string), // as the schema has it
  })
}

export function references(
  key: string,
  kind: 'identity' | 'anchor',
  description: string,
  options: Options = {},
): Field {
  return field(z.array(z.string({ error: said(idSentence) })).min(1), description, options, {
    key,
    type: 'array',
    prepare(value, reading) {
      for (const [index, id] of (value as readonly string[]).entries())
        reading.within(index).reference(id, [kind]) // as the schema has it
      return value
    },
    write: (value, writing) => (value as readonly string[]).map((id) => writing.uuidOf(id)), // as the schema has it
  })
}

/** Keys that stand together in the file, and lie flat in the payload. */
export function group(description: string, fields: Fields): Field {
  return field(
    objectOf(fields),
    description,
    {},
    {
      fields,
      prepare: (value, reading) => prepareFields(fields, value as Values, reading), // as the schema has it
      write: (value, writing) => writeFields(fields, value as Values, writing), // as the schema has it
    },
  )
}

/** A list of mappings. */
export function records(key: string, description: string, fields: Fields, options: Options = {}): Field {
  return field(z.array(objectOf(fields)).min(1), description, options, {
    key,
    type: 'array',
    fields,
    prepare: (value, reading) =>
      (value as readonly Values[]).map((one, index) => prepareFields(fields, one, reading.within(index))), // as the schema has it
    write: (value, writing) => (value as readonly Values[]).map((one) => writeFields(fields, one, writing)), // as the schema has it
  })
}

/** A key with a form of its own. */
export function custom(
  schema: z.ZodType,
  description: string,
  rest: Omit<Field, 'schema' | 'required'>,
  options: Options = {},
): Field {
  return field(schema, description, options, rest)
}

export function objectOf(fields: Fields): z.ZodObject {
  return z.strictObject(
    Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
  )
}

function plain(value: unknown): PlistValue {
  return value as PlistValue // booleans and whole numbers are the same in both
}
