import { z } from 'zod'
import type { SecretSource } from '../secret.ts'

/** The sentence never repeats what was found: it is likely the secret itself. */
const sentence = 'must be { env: NAME } or { file: PATH }: secrets do not stand in this file'

const name = () => z.string({ error: sentence }).min(1, sentence).exactOptional()
const written = z.strictObject(
  {
    env: name().meta({ description: 'The name of an environment variable.' }),
    file: name().meta({ description: 'The path of a file; one line break at its end is left out.' }),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? sentence : undefined) },
)

/** Where a secret is: exactly one of the two. */
export function secretSource() {
  return z.codec(
    written.refine(({ env, file }) => (env === undefined) !== (file === undefined), sentence),
    z.custom<SecretSource>(),
    {
      decode: ({ env, file }) => (env === undefined ? { file: file ?? '' } : { env }),
      encode: (source) => source,
    },
  )
}
