import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { facts, localTime, table } from '../output.ts'
import { withRecord } from '../record.ts'

const options = {
  enrollment: { type: 'text', value: 'ID', description: 'Only those of this enrollment.' },
  after: { type: 'text', value: 'SERIAL', description: 'Go on after this one, the last of the page before.' },
} as const satisfies CommandOptions

const atOnce = 100

export const enrollCertificates = defineCommand({
  name: 'enroll certificates',
  summary: 'List the certificates that were issued, newest first, or show one.',
  args: [{ name: 'SERIAL', description: 'The serial number, hexadecimal.', optional: true }],
  options,
  examples: [
    { line: 'enroll certificates', description: 'The newest hundred' },
    {
      line: 'enroll certificates 5F0A93C1D0B84E7C9A11E2D47730BF26',
      description: 'Whose is it, and does it hold?',
    },
  ],
  async run(context) {
    const [serial] = context.args
    const { enrollment, after } = context.options
    const now = context.system.now()
    const found = await withRecord(context, async ({ certificates }) => {
      if (serial !== undefined) return certificates.bySerial(normalised(serial))
      if (enrollment !== undefined) return certificates.ofEnrollment(enrollment)
      return certificates.list({ limit: atOnce, ...(after !== undefined && { after: normalised(after) }) })
    })
    if (found === undefined) throw new CommandFailed(`There is no certificate ${serial}`)
    if ('serial' in found) context.out.show({ certificate: found }, () => shown(found, now))
    else
      context.out.show({ certificates: found }, () =>
        found.length === 0
          ? 'No certificates.'
          : table(
              head,
              found.map((one) => row(one, now)),
            ),
      )
    return 0
  },
})

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
