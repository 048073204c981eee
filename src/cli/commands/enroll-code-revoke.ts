import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { actor, whyOption, withRecord } from '../record.ts'
import { codeState } from './enroll-code-list.ts'

const options = { why: whyOption } as const satisfies CommandOptions

export const enrollCodeRevoke = defineCommand({
  name: 'enroll code revoke',
  summary: 'Revoke a one-time code before it is used. A device that has enrolled with it stays enrolled.',
  args: [{ name: 'ID', description: 'The code, by its id in `enroll code list`.' }],
  options,
  examples: [
    { line: "enroll code revoke c_4k2mw8x1qa --why 'Sent to the wrong person'", description: 'At once' },
  ],
  async run(context) {
    const [id = ''] = context.args
    const by = actor(context, 'enroll code revoke')
    const code = await withRecord(context, ({ enrollmentCodes }) => enrollmentCodes.revoke(id, by))
    if (code === undefined) throw new CommandFailed(`There is no code ${id}: \`gatehouse enroll code list\``)
    const state = codeState(code, by.at)
    context.out.show({ code: { ...code, state } }, () =>
      state === 'used'
        ? `Code ${id} has been used already: \`gatehouse enroll list\`.`
        : `Code ${id} is revoked.`,
    )
    return state === 'used' ? 1 : 0
  },
})
