import { type RevocationReason, revocationReasons } from '../../domain/issued-certificate.ts'
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
} as const satisfies CommandOptions

export const enrollRevoke = defineCommand({
  name,
  summary:
    'Revoke a certificate, for good. The gateways refuse it within a second, open connections included.',
  details: `The device stays enrolled and may be given a new certificate. To end its enrollment, use \`enroll remove\`.`,
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
    const certificate = await withRecord(context, ({ certificates }) =>
      certificates.revoke(normalised(serial), reason, by),
    )
    if (certificate === undefined)
      throw new CommandFailed(`There is no certificate ${serial}: \`gatehouse enroll certificates\``)
    context.out.show({ certificate }, () =>
      certificate.revoked?.at === by.at
        ? `Certificate ${certificate.serial} of ${certificate.enrollment} is revoked.`
        : `Certificate ${certificate.serial} had been revoked already.`,
    )
    return 0
  },
})
