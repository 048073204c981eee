import { z } from 'zod'
import { path } from '../values.ts'

export const deviceSignatureKey = z
  .strictObject({
    ca: z
      .array(path())
      .prefault([])
      .meta({
        description:
          'Apple’s CAs of device certificates (Apple iPhone Device CA and its successors), PEM. Their dates are not looked at: the first expired in 2014 and devices still use it.',
        examples: [['../certs/apple-device-ca.pem']],
      }),
    check: z.enum(['require', 'prefer', 'off']).prefault('prefer').meta({
      description:
        '`require`: only what a device of these CAs has signed is accepted, which leaves out Macs. `prefer`: the record says whether it was. `off`: nobody looks. The signature itself is always checked, and the one-time challenge is what binds the user.',
    }),
    sha1: z.boolean().prefault(true).meta({
      description: 'Accept SHA-1 in what old devices sign before they have their own identity.',
    }),
  })
  .superRefine(({ ca, check }, context) => {
    if (check === 'require' && ca.length === 0)
      context.addIssue({
        code: 'custom',
        path: ['check'],
        message: 'needs `ca`: without a CA, no device could enroll',
      })
  })
  .prefault({})
  .meta({
    description: 'The certificate that Apple built into a device, with which it signs its attributes.',
  })
