import { isActive, type MdmToken } from '../../domain/mdm-token.ts'
import type { StoredMdmToken } from '../../store/ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  active: { type: 'flag', description: 'Only those that are active.' },
} as const satisfies CommandOptions

export const tokenList = defineCommand({
  name: 'token list',
  summary: 'List the MDM tokens, who uses them, and until when. Never the tokens themselves.',
  details: `USES are sign-ins that came with the token or rested on it, revoked ones included; up to a minute behind.
DEVICES are registrations that rest on it: while the old token has some, not every device has the new one.`,
  options,
  examples: [
    { line: 'token list', description: 'Is the old one still used?' },
    { line: 'token list --active --json', description: 'For a script' },
  ],
  async run(context) {
    const now = context.system.now()
    const stored = await withRecord(context, ({ mdmTokens }) => mdmTokens.list())
    const tokens = stored
      .filter((token) => !context.options.active || isActive(token, now))
      .map(({ hash: _, ...token }) => ({ ...token, state: stateOf(token, now) }))
    context.out.show({ tokens }, () => (tokens.length === 0 ? 'No tokens.' : table(head, tokens.map(row))))
    return 0
  },
})

const head = ['id', 'label', 'state', 'origin', 'created', 'expires', 'uses', 'last used', 'devices']

type Shown = Omit<StoredMdmToken, 'hash'> & { readonly state: string }

function row(token: Shown): (string | undefined)[] {
  const { id, label, state, origin, createdAt, expiresAt, uses, lastUsedAt, registrations } = token
  return [
    ...[id, label, state, origin, localTime(createdAt)],
    expiresAt === undefined ? undefined : localTime(expiresAt),
    String(uses),
    lastUsedAt === undefined ? undefined : localTime(lastUsedAt),
    String(registrations),
  ]
}

function stateOf(token: MdmToken, now: number): 'active' | 'expired' | 'revoked' {
  if (token.revoked !== undefined) return 'revoked'
  return isActive(token, now) ? 'active' : 'expired'
}
