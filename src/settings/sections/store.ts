import { z } from 'zod'
import type { StoreSettings } from '../settings.ts'
import { refuse, said } from './values.ts'

const sentence = 'must be sqlite: and the path of a file, such as sqlite:/var/lib/gatehouse/gatehouse.db'

export const storeSection = z
  .codec(z.string({ error: said(sentence) }), z.custom<StoreSettings>(), {
    decode(text, context): StoreSettings {
      if (/^postgres(ql)?:/.test(text)) {
        // The address is not repeated: it may hold a password.
        return refuse(
          context,
          undefined,
          'PostgreSQL arrives with a later version; use sqlite:PATH until then',
        )
      }
      const path = /^sqlite:(.+)$/.exec(text)?.[1]
      // `sqlite:///x` is what other programs write; SQLite's own `:memory:` would forget every registration.
      if (path === undefined || path.startsWith('//') || path === ':memory:')
        return refuse(context, undefined, sentence)
      return { kind: 'sqlite', path }
    },
    encode: ({ kind, path }) => `${kind}:${path}`,
  })
  .meta({
    description:
      'Where the record is kept: registrations, approvals, audit. The file is made at the first start.',
    examples: ['sqlite:../data/gatehouse.db'],
  })
