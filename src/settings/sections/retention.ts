import { z } from 'zod'
import { duration } from './values.ts'

/** Less would be a mistake for any CA: a key that is forgotten too soon opens again what it opened. */
const leastForKeys = 400 * 86_400_000

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
    approvals: duration()
      .prefault('180d')
      .meta({
        description:
          'How long a request for approval stays, whether it waits, was granted and never used, or was denied. After that the device may ask again.',
        examples: ['180d', '30d'],
      }),
    appDevices: duration()
      .prefault('400d')
      .meta({
        description:
          'How long the company app of a device is known that was not heard of. Those that are revoked, or that a registration rests on, stay.',
        examples: ['400d', '90d'],
      }),
    scepKeys: duration()
      .prefault('1825d')
      .refine((keep) => keep >= leastForKeys, 'must be at least 400d')
      .meta({
        description:
          'How long the key of a device that has left, or has another one now, is refused whose certificate came from a SCEP server behind (`enrollment.scep.proxy`). Longer than that server’s certificates are good: it is what ends them here.',
        examples: ['1825d', '800d'],
      }),
  })
  .prefault({})
  .meta({ description: 'How long the record keeps what only grows. What is older is removed within a day.' })
