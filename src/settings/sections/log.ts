import { z } from 'zod'
import { logLevels } from '../settings.ts'

export const logSection = z
  .strictObject({
    level: z
      .enum(logLevels)
      .prefault('info')
      .meta({ description: 'The least serious messages that are logged.' }),
    access: z.boolean().prefault(true).meta({ description: 'Write one line for each request.' }),
    queries: z.boolean().prefault(false).meta({
      description:
        'Write query strings into the access log. They may hold tokens and names: redacted by default.',
    }),
  })
  .prefault({})
  .meta({ description: 'What is logged, as JSON lines on standard output.' })
