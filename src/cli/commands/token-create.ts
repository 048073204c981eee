import { randomBytes } from 'node:crypto'
import { tokenHasher, tokenPepper } from '../../evidence/mdm-token/hash.ts'
import { weaknessOf } from '../../evidence/mdm-token/strength.ts'
import { formatToken, isGenerated } from '../../evidence/mdm-token/text.ts'
import { systemRandom } from '../../lib/random.ts'
import { mostMdmTokens, type NewMdmToken } from '../../store/ports.ts'
import { type CommandContext, type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { localTime } from '../output.ts'
import { withRecord } from '../record.ts'
import { readSecretFile } from '../secret-file.ts'

const options = {
  label: { type: 'text', value: 'TEXT', description: 'What the token is for, such as the MDM and the year.' },
  expires: {
    type: 'time',
    value: 'TIME',
    description: 'Until when it is active, such as 2027-01-31. Without it, until it is revoked.',
  },
  'value-file': {
    type: 'text',
    value: 'PATH',
    description: 'Use the token in this file instead of a generated one; - for standard input.',
  },
  value: {
    type: 'text',
    value: 'TOKEN',
    description:
      'The same on the command line, where other users of this machine can read it: rather --value-file.',
  },
  why: { type: 'text', value: 'TEXT', description: 'The reason, for the audit log.' },
} as const satisfies CommandOptions

type Context = CommandContext<typeof options>

const longestLabel = 100

export const tokenCreate = defineCommand({
  name: 'token create',
  summary: 'Create an MDM token, which only the devices get that the MDM manages.',
  details: `The token is printed once and stored as a keyed hash: what is lost is replaced by a new one. Several tokens
are active at once, so that a new one can reach the devices before the old one is revoked.
A token that is typed in must have at least 20 characters that are not common words or runs.`,
  options,
  examples: [
    { line: "token create --label 'Intune, 2027'", description: 'A generated token' },
    { line: 'token create --expires 2027-12-31 --json', description: 'For a script' },
    {
      line: 'token create --value-file - --label PingID < token.txt',
      description: 'A token that the devices have already',
    },
  ],
  async run(context) {
    const typed = typedValue(context)
    const problem = typed === undefined ? undefined : weaknessOf(typed)
    if (problem !== undefined) throw new UsageError(`The token ${problem}`, 'token create')
    const value = typed ?? formatToken(randomBytes(32))
    const token = await store(value, typed === undefined ? 'generated' : 'typed', context)
    const { hash: _, ...shown } = token
    const told = `Token ${token.id} is active from now on${until(token)}.`
    // The token alone on standard output: it goes into a file as it is.
    context.out.show({ token: { ...shown, ...(typed === undefined && { value }) } }, () =>
      typed === undefined ? value : told,
    )
    if (typed === undefined && !context.out.json)
      context.out.warn(
        `${told} It is shown this once. Put it into the app configuration: gatehouse app-config --help`,
      )
    return 0
  },
})

function until({ expiresAt }: NewMdmToken): string {
  return expiresAt === undefined ? ', until it is revoked' : `, until ${localTime(expiresAt)}`
}

function typedValue({ options, out }: Context): string | undefined {
  const { value, 'value-file': file } = options
  if (value !== undefined && file !== undefined)
    throw new UsageError('--value and --value-file exclude each other', 'token create')
  if (value !== undefined)
    out.warn('the token stood on the command line, where others can read it: use --value-file the next time')
  return file === undefined ? value : readSecretFile(file)
}

async function store(value: string, origin: NewMdmToken['origin'], context: Context): Promise<NewMdmToken> {
  const random = systemRandom()
  const { label, expires, why } = context.options
  const at = context.system.now()
  if (expires !== undefined && expires <= at)
    throw new UsageError(`--expires must be in the future, not ${localTime(expires)}`, 'token create')
  if (label !== undefined && (label.trim() === '' || label.length > longestLabel))
    throw new UsageError(`--label must have 1 to ${longestLabel} characters`, 'token create')
  if (label !== undefined && (label.includes(value) || isGenerated(label.trim())))
    throw new UsageError('--label holds the token; labels are shown to everybody', 'token create')
  return withRecord(context, async ({ keys, mdmTokens }) => {
    const hash = tokenHasher(await keys.getOrCreate(tokenPepper, random.secret))(value)
    const token: NewMdmToken = {
      id: `t_${random.id()}`,
      hash,
      origin,
      ...(label !== undefined && { label: label.trim() }),
      ...(expires !== undefined && { expiresAt: expires }),
    }
    const by = { name: context.system.user(), at, ...(why !== undefined && { why }) }
    const outcome = await mdmTokens.create(token, by)
    if (outcome === 'taken')
      throw new CommandFailed(
        'There is this token already, active or not: `gatehouse token list`. Take another one',
      )
    if (outcome === 'full') throw new CommandFailed(`There are ${mostMdmTokens} tokens already`)
    return token
  })
}
