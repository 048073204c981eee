import { z } from 'zod'
import { accessRightNames, lackingRights } from '../../../domain/access-rights.ts'

const everyday = accessRightNames.filter((name) => !name.endsWith('-provisioning'))

export const accessRightsKey = z
  .array(z.enum(accessRightNames))
  .min(1)
  .superRefine((names, context) => {
    for (const { name, needs } of lackingRights(names))
      context.addIssue({ code: 'custom', message: `\`${name}\` needs \`${needs}\` as well` })
    for (const [index, name] of names.entries())
      if (names.indexOf(name) < index)
        context.addIssue({ code: 'custom', path: [index], message: 'stands there twice' })
  })
  .prefault([...everyday])
  .meta({
    description:
      'What the organisation may do, in the words that the enrollment page explains to the user. An enrolled device never grants more than it was asked for at first: adding one later means enrolling again.',
    examples: [['inspect-profiles', 'install-profiles', 'device-information', 'security', 'erase']],
  })
