import { z } from 'zod'
import type { Extractor } from '../../domain/service.ts'

const certificateFields = ['commonName', 'email', 'upn', 'serialNumber', 'subject'] as const

const places = {
  header: z.string().min(1).exactOptional().meta({ description: 'The name of a header field.' }),
  query: z.string().min(1).exactOptional().meta({ description: 'The name of a query parameter.' }),
  cookie: z.string().min(1).exactOptional().meta({ description: 'The name of a cookie.' }),
  form: z.string().min(1).exactOptional().meta({ description: 'The name of a form field.' }),
  json: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ description: 'The name of a member of a JSON body, dotted: `identifier.user`.' }),
  claim: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ description: 'The name of a claim of the verified JWT (`bearer`).' }),
  certificate: z
    .enum(certificateFields)
    .exactOptional()
    .meta({ description: 'A field of the verified client certificate.' }),
  basic: z.literal(true).exactOptional().meta({ description: 'The user name of Basic authentication.' }),
} satisfies Record<Extractor['from'], z.ZodType>

const sentence = `must name exactly one of ${Object.keys(places).join(', ')}, such as { form: username }`

/** Where a value stands in a request: `{ header: X-Device-Id }`, `{ form: username }`, `{ basic: true }`. */
export function extractor() {
  return z.codec(z.strictObject(places).refine(hasOne, sentence), z.custom<Extractor>(), {
    decode: toExtractor,
    encode: (value) => ({ [value.from]: value.from === 'basic' ? true : value.name }),
  })
}

type Written = z.input<z.ZodObject<typeof places>>

function hasOne(written: Written): boolean {
  return Object.values(written).filter((name) => name !== undefined).length === 1
}

function toExtractor(written: Written): Extractor {
  if (written.basic) return { from: 'basic' }
  if (written.certificate !== undefined) return { from: 'certificate', name: written.certificate }
  if (written.header !== undefined) return { from: 'header', name: written.header.toLowerCase() }
  for (const from of ['query', 'cookie', 'form', 'json', 'claim'] as const) {
    const name = written[from]
    if (name !== undefined) return { from, name }
  }
  throw new TypeError('no place in an extractor that was checked for one')
}
