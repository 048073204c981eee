import { z } from 'zod'

const sentence = 'must hold {user} once and have an @, such as "{user}@example.com"'

export const accountDrivenKey = z
  .strictObject({
    mode: z.enum(['byod', 'adde']).prefault('byod').meta({
      description:
        '`byod`: the user’s own device, of which the organisation manages a separate part. `adde`: a device of the organisation.',
    }),
    managedAppleId: z
      .string()
      .regex(/^[^{}]*\{user\}[^{}]*$/, sentence)
      .refine((text) => text.includes('@'), sentence)
      .meta({
        description:
          'The Managed Apple Account of a user. `{user}` stands for the name that the user signed in with, without what follows an @.',
        examples: ['{user}@example.com'],
      }),
  })
  .exactOptional()
  .meta({
    description:
      'Enrollment from the device’s own settings, by the account’s address. Needs `https://DOMAIN/.well-known/com.apple.remotemanagement` of the mail domain to lead here. Left out: there is none.',
  })
