import { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from '../../settings/json-schema.ts'
import { secretSource } from '../../settings/sections/secret.ts'
import { said } from '../../settings/sections/values.ts'
import { objectOf } from './payloads/fields.ts'
import { type PayloadDefinition, profileSystems } from './payloads/payload.ts'
import { payloads } from './payloads/table.ts'
import { raw } from './raw.ts'
import { plainTextMistake } from './variables.ts'

/** Every kind of payload that can stand in a profile. */
export const payloadKinds: readonly PayloadDefinition[] = [...payloads, raw]

const idSentence = 'must be a short name of lower-case letters, digits and hyphens, such as staff-wifi'
const idText = () => z.string({ error: said(idSentence) }).regex(/^[a-z0-9][a-z0-9-]{0,62}$/, idSentence)

/** Text that users see, without variables. */
function shownText() {
  return z
    .string()
    .min(1)
    .max(200)
    .superRefine((written, context) => {
      const message = plainTextMistake(written)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
}

const common = {
  id: idText().exactOptional().meta({
    description:
      'How other payloads of this profile refer to it. Left out: its kind. Keep it: to devices, another one is another account.',
  }),
  title: shownText().exactOptional().meta({ description: 'What the device calls this part of the profile.' }),
}

/** The keys of one kind, as they stand below its name. */
export function payloadSchema({ fields }: PayloadDefinition): z.ZodObject {
  return z.strictObject({ ...common, ...objectOf(fields).shape })
}

const onePayload = z
  .strictObject(
    Object.fromEntries(
      payloadKinds.map((kind) => [
        kind.name,
        payloadSchema(kind)
          .exactOptional()
          .meta({ description: `${kind.title}.` }),
      ]),
    ),
  )
  .refine(
    (payload) => Object.keys(payload).length === 1,
    'must have exactly one key: the kind of the payload',
  )

const names = (description: string) => z.array(z.string().min(1)).exactOptional().meta({ description })

const assign = z
  .strictObject({
    everyone: z.literal(true).exactOptional().meta({ description: 'Every enrolled device.' }),
    users: names('Users, by the name they sign in with at enrollment. Case does not matter.'),
    groups: names(
      'Groups, as the sign-in at enrollment tells them (`groupsClaim`, `groupsAttribute`, or the code’s).',
    ),
    notUsers: names('Users who do not get it, whatever else is said.'),
    notGroups: names('Groups that do not get it.'),
    platforms: z.array(z.enum(profileSystems)).min(1).exactOptional().meta({
      description:
        'Only devices of these: `ios` (iPadOS as well), `macos`. Left out: all that know every payload of the profile.',
    }),
  })
  .superRefine(({ everyone, users, groups }, context) => {
    if (everyone === undefined && users === undefined && groups === undefined)
      context.addIssue({
        code: 'custom',
        message: 'must name somebody: `everyone: true`, `users` or `groups`',
      })
    if (everyone === true && (users !== undefined || groups !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['everyone'],
        message: 'leaves nothing for `users` and `groups` to say',
      })
  })
  .meta({ description: 'Who gets it.' })

const removal = z
  .union(
    [
      z.enum(['allowed', 'locked']),
      z.strictObject({
        password: secretSource().meta({ description: 'What is asked for when it is removed.' }),
      }),
    ],
    { error: 'must be allowed, locked or { password: { env: NAME } }' },
  )
  .prefault('allowed')
  .meta({
    description:
      'May users take it away? `locked`: no; or with a password. Both hold on supervised devices; on others, users can remove it together with the whole management only, since it was installed by it.',
    examples: ['locked'],
  })

/** One file. */
export const profileSchema = z.strictObject({
  name: idText().meta({
    description:
      'Its name, part of its identifier on devices: with another name, it is another profile, and the old one is removed.',
    examples: ['company-mail'],
  }),
  title: shownText().meta({
    description: 'What users see in the settings of their device.',
    examples: ['Company mail'],
  }),
  description: shownText().exactOptional().meta({ description: 'More of the same.' }),
  assign,
  removal,
  encrypted: z.boolean().exactOptional().meta({
    description:
      'Encrypt it to each device’s own certificate. Left out: if it holds a secret, which is not possible without.',
  }),
  required: z.boolean().prefault(false).meta({
    description: 'Devices that should have it and do not are out of compliance.',
  }),
  payloads: z.array(onePayload).min(1).meta({ description: 'What it sets up.' }),
})

export type WrittenProfile = z.output<typeof profileSchema>

/** The schema with which editors complete and check a profile. */
export function profileJsonSchema(): JsonSchema {
  return { ...jsonSchemaOf(profileSchema), title: 'Gatehouse profile' } as JsonSchema
}
