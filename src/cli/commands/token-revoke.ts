import { isActive } from '../../domain/mdm-token.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { plural } from '../output.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const options = { why: whyOption } as const satisfies CommandOptions

export const tokenRevoke = defineCommand({
  name: 'token revoke',
  summary: 'Revoke an MDM token, for good. Sign-ins that rest on it stop within a second.',
  args: [{ name: 'ID', description: 'The token, by its id in `token list`.' }],
  options,
  examples: [
    {
      line: "token revoke t_4k2mw8x1qa --why 'Replaced by t_9f3c0d7h2b'",
      description: 'After the roll-out of the new one',
    },
  ],
  async run(context) {
    const [id = ''] = context.args
    const by = actor(context, 'token revoke')
    const { token, tokens } = await withRecord(context, async ({ mdmTokens }) => ({
      token: await mdmTokens.revoke(id, by),
      tokens: await mdmTokens.list(),
    }))
    if (token === undefined) throw new CommandFailed(`There is no token ${id}: \`gatehouse token list\``)
    const devices = tokens.find((one) => one.id === id)?.registrations ?? 0
    if (!tokens.some((one) => isActive(one, by.at))) context.out.warn('no MDM token is active now')
    context.out.show({ token, registrations: devices }, () => {
      if (token.revoked?.at !== by.at) return `Token ${id} had been revoked already.`
      if (devices === 0) return `Token ${id} is revoked. No registration rests on it.`
      return `Token ${id} is revoked. ${plural(devices, 'registration')} rest on it: each signs in again once its device shows an active one.`
    })
    return 0
  },
})
