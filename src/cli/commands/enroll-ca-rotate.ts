import { addOwn } from '../../enrollment/ca/certificate-service.ts'
import { keyPath } from '../../enrollment/ca/key-files.ts'
import { systemRandom } from '../../lib/random.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { bitsOption, keyBits, ownCaSettings, tellingKeyFile } from '../enrollment-ca.ts'
import { CommandFailed } from '../errors.ts'
import { actor, whyOption, withRecord } from '../record.ts'

const name = 'enroll ca rotate'
const options = { bits: bitsOption, why: whyOption } as const satisfies CommandOptions

export const enrollCaRotate = defineCommand({
  name,
  summary: 'Make a new certificate authority that issues from now on.',
  details: `Devices keep their certificates: the old authority stays trusted, and goes on signing its revocation list, until
the last certificate that it has issued has ended. Running gateways trust the new one within a second.
On several machines, copy the new key to the others' \`enrollment.ca.folder\` at once: without it they cannot issue.`,
  options,
  examples: [{ line: "enroll ca rotate --why 'A former administrator had the key'", description: 'At once' }],
  async run(context) {
    const by = actor(context, name)
    const bits = keyBits(context.options.bits, name)
    const random = systemRandom()
    const done = await withRecord(context, async (store, settings) => {
      const { ca, organisation } = ownCaSettings(settings)
      const [before] = await store.authorities.list()
      if (before === undefined) throw new CommandFailed('There is none yet: `gatehouse enroll ca init`')
      const deps = { store, settings: ca, organisation, newId: () => random.id() }
      const authority = await tellingKeyFile(() => addOwn(deps, { bits, replaces: before.id, by }))
      if (authority === undefined) throw new CommandFailed('Somebody else has rotated it at this moment')
      return { authority, before, path: keyPath(ca, authority.id) }
    })
    const { authority, before, path } = done
    context.out.show(
      { authority, replaces: before.id, key: path },
      () =>
        `${authority.id} issues certificates now; ${before.id} is trusted until its last one has ended. The key is ${path}: back it up.`,
    )
    return 0
  },
})
