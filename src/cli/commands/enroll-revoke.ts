import {
  type IssuedCertificate,
  type RevocationReason,
  revocationReasons,
} from '../../domain/issued-certificate.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { CommandFailed } from '../errors.ts'
import { actor, whyOption, withRecord } from '../record.ts'
import { normalised } from './enroll-certificates.ts'

const name = 'enroll revoke'
const options = {
  why: whyOption,
  reason: {
    type: 'text',
    value: 'REASON',
    oneOf: Object.keys(revocationReasons),
    description: 'What the revocation list says; `unspecified` when not given.',
  },
  alone: {
    type: 'flag',
    description: 'This one only. Those that renew it stay good, and so do those that it renews.',
  },
} as const satisfies CommandOptions

export const enrollRevoke = defineCommand({
  name,
  summary:
    'Revoke a certificate with its renewals, for good. The gateways refuse them within a second, open connections included.',
  details: `Devices renew their certificate: who has the key of one may have the others. So all of its line are revoked, those
before it and those after it, unless you say \`--alone\`.
A device that comes with a revoked certificate, and can have no other, is told to remove its management: its enrollment ends
then. To end it at once, use \`enroll remove\`.`,
  args: [{ name: 'SERIAL', description: 'The serial number, hexadecimal: `enroll certificates`.' }],
  options,
  examples: [
    {
      line: "enroll revoke 5F0A93C1D0B84E7C9A11E2D47730BF26 --reason keyCompromise --why 'Stolen laptop'",
      description: 'A lost device',
    },
  ],
  async run(context) {
    const [serial = ''] = context.args
    const by = actor(context, name)
    // The parser has made sure that it is one of them.
    const reason = (context.options.reason ?? 'unspecified') as RevocationReason
    const known = normalised(serial)
    const line = await withRecord(context, async ({ certificates }) => {
      if (context.options.alone === true) await certificates.revoke(known, reason, by)
      else await certificates.revokeLine(known, reason, by)
      return certificates.line(known)
    })
    const certificate = line.find((one) => one.serial === known)
    if (certificate === undefined)
      throw new CommandFailed(`There is no certificate ${serial}: \`gatehouse enroll certificates\``)
    // Somebody else may have done it before.
    const isNew = ({ revoked }: IssuedCertificate) => revoked?.at === by.at && revoked.by === by.name
    const revoked = line.filter(isNew).map((one) => one.serial)
    const stillGood = line
      .filter((one) => one.revoked === undefined && one.notAfter >= by.at)
      .map((one) => one.serial)
    context.out.show({ certificate, revoked, stillGood }, () =>
      sentences(certificate, { revoked, stillGood }).join('\n'),
    )
    return 0
  },
})

function sentences(
  { serial, enrollment }: IssuedCertificate,
  { revoked, stillGood }: { readonly revoked: readonly string[]; readonly stillGood: readonly string[] },
): readonly string[] {
  const others = revoked.filter((one) => one !== serial)
  return [
    revoked.includes(serial)
      ? `Certificate ${serial} of ${enrollment} is revoked.`
      : `Certificate ${serial} had been revoked already.`,
    ...(others.length === 0 ? [] : [`So are those of its line: ${others.join(', ')}.`]),
    ...(stillGood.length === 0 ? [] : [`Still good, of the same line: ${stillGood.join(', ')}.`]),
  ]
}
