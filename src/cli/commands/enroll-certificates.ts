import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import type { Store } from '../../store/ports.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed, UsageError } from '../errors.ts'
import { facts, localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  user: { type: 'text', value: 'NAME', description: 'Only those of this user.' },
  enrollment: {
    type: 'text',
    value: 'ID',
    description: 'Only those of this enrollment, by its id or the serial number of the device.',
  },
  limit: {
    type: 'count',
    value: 'NUMBER',
    description: 'The most to print: 100 unless given, at most 1000.',
  },
  after: { type: 'text', value: 'SERIAL', description: 'Go on after this one, the last of the page before.' },
} as const satisfies CommandOptions

const name = 'enroll certificates'
const most = 1000

export const enrollCertificates = defineCommand({
  name,
  summary: 'List the certificates that were issued, newest first, or show one.',
  args: [{ name: 'SERIAL', description: 'The serial number, hexadecimal.', optional: true }],
  options,
  examples: [
    { line: 'enroll certificates', description: 'The newest hundred' },
    { line: 'enroll certificates --user anna', description: 'What Anna’s devices have' },
    {
      line: 'enroll certificates 5F0A93C1D0B84E7C9A11E2D47730BF26',
      description: 'Whose is it, and does it hold?',
    },
  ],
  async run(context) {
    const [serial] = context.args
    const { limit = 100, ...query } = context.options
    if (limit > most) throw new UsageError(`--limit is at most ${most}`, name)
    const now = context.system.now()
    if (serial !== undefined) {
      const found = await withRecord(context, ({ certificates }) => certificates.bySerial(normalised(serial)))
      if (found === undefined) throw new CommandFailed(`There is no certificate ${serial}`)
      context.out.show({ certificate: withState(found, now) }, () => shown(found, now))
      return 0
    }
    const found = await withRecord(context, (store) => listed(store, query, limit))
    const last = found.length < limit ? undefined : found.at(-1)?.serial
    const certificates = found.map((one) => withState(one, now))
    context.out.show({ certificates, ...(last !== undefined && { after: last }) }, () => {
      if (found.length === 0) return 'No certificates.'
      const more = last === undefined ? '' : `\n\nThere may be more: add --after ${last}`
      const rows = found.map((one) => row(one, now))
      return `${table(head, rows)}${more}`
    })
    return 0
  },
})

interface Asked {
  readonly user?: string | undefined
  readonly enrollment?: string | undefined
  readonly after?: string | undefined
}

async function listed(
  store: Store,
  { user, enrollment, after }: Asked,
  limit: number,
): Promise<readonly IssuedCertificate[]> {
  // A serial number of a device is nothing that a certificate has; what names no enrollment may be the name in a certificate.
  const [device] = enrollment === undefined ? [] : await store.enrollments.withSerial(enrollment)
  const id = device?.id ?? enrollment
  return store.certificates.list({
    limit,
    ...(user !== undefined && { user: user.toLowerCase() }),
    ...(id !== undefined && { enrollment: id }),
    ...(after !== undefined && { after: normalised(after) }),
  })
}

function withState(certificate: IssuedCertificate, now: number) {
  return { ...certificate, state: stateOf(certificate, now) }
}

/** As people copy it from other tools: with colons, in lower case, with zeros in front. */
export function normalised(serial: string): string {
  return serial
    .replaceAll(':', '')
    .toUpperCase()
    .replace(/^0+(?=.)/, '')
}

const head = ['serial', 'enrollment', 'user', 'for', 'state', 'until']

function row(certificate: IssuedCertificate, now: number): (string | undefined)[] {
  const { serial, enrollment, user, purpose, notAfter } = certificate
  return [serial, enrollment, user, purpose, stateOf(certificate, now), localTime(notAfter)]
}

function shown(certificate: IssuedCertificate, now: number): string {
  const { revoked } = certificate
  return facts([
    ['serial', certificate.serial],
    ['enrollment', certificate.enrollment],
    ['user', certificate.user],
    ['for', certificate.purpose],
    ['state', stateOf(certificate, now)],
    ['authority', certificate.authority],
    ['issued', localTime(certificate.issuedAt)],
    ['until', localTime(certificate.notAfter)],
    ['renews', certificate.predecessor],
    ['revoked', revoked && `${localTime(revoked.at)} by ${revoked.by} (${revoked.reason}): ${revoked.why}`],
  ])
}

function stateOf({ revoked, notAfter }: IssuedCertificate, now: number): 'revoked' | 'ended' | 'valid' {
  if (revoked !== undefined) return 'revoked'
  return notAfter < now ? 'ended' : 'valid'
}
