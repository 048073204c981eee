import { z } from 'zod'
import { duration } from './values.ts'

export const retentionSection = z
  .strictObject({
    audit: duration()
      .prefault('400d')
      .meta({
        description:
          'How long the audit log goes back. What is older is removed from its beginning, which `gatehouse audit --verify` knows of.',
        examples: ['400d', '3650d'],
      }),
    refusals: duration()
      .prefault('30d')
      .meta({
        description:
          'How long `gatehouse explain REFERENCE` knows a refusal. The newest 10,000 are kept at most.',
        examples: ['30d', '7d'],
      }),
  })
  .prefault({})
  .meta({ description: 'How long the record keeps what only grows. What is older is removed within a day.' })
