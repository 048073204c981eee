import type { EnrollmentCode } from '../../store/enrollment-sign-in-ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  usable: { type: 'flag', description: 'Only those that still let somebody enroll.' },
} as const satisfies CommandOptions

export const enrollCodeList = defineCommand({
  name: 'enroll code list',
  summary:
    'List the one-time codes for enrollment: for whom, until when, used or not. Never the codes themselves.',
  options,
  examples: [{ line: 'enroll code list --usable', description: 'Who has not enrolled yet?' }],
  async run(context) {
    const now = context.system.now()
    const all = await withRecord(context, ({ enrollmentCodes }) => enrollmentCodes.list())
    const codes = all
      .map((code) => ({ ...code, state: codeState(code, now) }))
      .filter(({ state }) => !context.options.usable || state === 'usable')
    context.out.show({ codes }, () =>
      codes.length === 0
        ? 'No codes.'
        : table(
            ['id', 'user', 'state', 'created', 'by', 'expires'],
            codes.map(({ id, user, state, createdAt, createdBy, expiresAt }) => [
              ...[id, user.name, state, localTime(createdAt), createdBy],
              localTime(expiresAt),
            ]),
          ),
    )
    return 0
  },
})

export function codeState(code: EnrollmentCode, now: number): 'usable' | 'used' | 'revoked' | 'expired' {
  if (code.usedAt !== undefined) return 'used'
  if (code.revokedAt !== undefined) return 'revoked'
  return code.expiresAt <= now ? 'expired' : 'usable'
}
