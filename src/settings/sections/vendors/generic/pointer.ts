import { z } from 'zod'
import { jsonPointerPattern } from '../../../../lib/json-pointer.ts'
import { said } from '../../values.ts'

const sentence = 'must be a JSON pointer such as /data/items, or empty for the whole value'

/** RFC 6901, kept as it is written. */
export function pointer(): z.ZodString {
  return z
    .string({ error: said(sentence) })
    .max(256)
    .regex(jsonPointerPattern, sentence)
}
