import { codeHash, newCode } from '../../enrollment/sign-in/code.ts'
import { systemRandom } from '../../lib/random.ts'
import { mostEnrollmentCodes } from '../../store/enrollment-sign-in-ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { localTime } from '../output.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const day = 24 * 60 * 60 * 1000

const options = {
  user: { type: 'text', value: 'NAME', description: 'Who enrolls with it: the name of the sign-in. Needed.' },
  group: { type: 'list', value: 'NAME', description: 'A group of the user, for profiles; again for each.' },
  life: {
    type: 'duration',
    value: 'TIME',
    description: 'How long it is good, such as 4h; 1d when not given, at most 30d.',
  },
  why: whyOption,
} as const satisfies CommandOptions

export const enrollCodeCreate = defineCommand({
  name: 'enroll code create',
  summary: 'Make a one-time code with which a user signs in to enroll.',
  details: `The code is printed once and stored as a hash. Whoever has it enrolls in this user's name: read it to them on the
telephone, or give it on paper; it is good for one sign-in.`,
  options,
  examples: [
    { line: "enroll code create --user alice --why 'New phone'", description: 'A code for a day' },
    {
      line: "enroll code create --user bob --group sales --life 1h --why 'Loan'",
      description: 'With a group',
    },
  ],
  async run(context) {
    const { user, group, life = day } = context.options
    const by = actor(context, 'enroll code create')
    const name = user?.trim() ?? ''
    if (name === '' || name.length > 256)
      throw new UsageError('--user must name the user, in at most 256 characters', 'enroll code create')
    if (life < 60_000 || life > 30 * day)
      throw new UsageError('--life must be between 1m and 30d', 'enroll code create')
    const code = newCode()
    const id = `c_${systemRandom().id()}`
    const expiresAt = by.at + life
    await withRecord(context, async ({ enrollmentCodes }, { enrollment }) => {
      if (enrollment?.signIn.codes !== true)
        context.out.warn('the settings do not let anybody enroll with a code: `enrollment.signIn.codes`')
      const hash = codeHash(code)
      const outcome = await enrollmentCodes.create({ id, hash, user: { name, groups: group }, expiresAt }, by)
      if (outcome === 'full') throw new CommandFailed(`There are ${mostEnrollmentCodes} codes already`)
    })
    context.out.show({ code: { id, value: code, user: name, groups: group, expiresAt } }, () => code)
    if (!context.out.json)
      context.out.warn(
        `Code ${id} lets ${name} sign in to enroll, once, until ${localTime(expiresAt)}. It is shown this once.`,
      )
    return 0
  },
})
