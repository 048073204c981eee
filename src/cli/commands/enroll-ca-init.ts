import { addOwn } from '../../enrollment/ca/certificate-service.ts'
import { keyPath } from '../../enrollment/ca/key-files.ts'
import { systemRandom } from '../../lib/random.ts'
import { type CommandOptions, defineCommand } from '../command.ts'
import { bitsOption, keyBits, ownCaSettings, tellingKeyFile } from '../enrollment-ca.ts'
import { CommandFailed } from '../errors.ts'
import { withRecord } from '../record.ts'

const name = 'enroll ca init'
const options = { bits: bitsOption } as const satisfies CommandOptions

export const enrollCaInit = defineCommand({
  name,
  summary: 'Make the certificate authority of enrolled devices.',
  details: `Gatehouse makes one by itself when it first starts with \`enrollment\` in the settings; this command is for choosing
the size of the key, or for making it on another day than the first.
The private key is a file in \`enrollment.ca.folder\` that only its owner can read, encrypted when
\`enrollment.ca.passphrase\` is set. It is not in the record: back it up apart. Run this as the gateway's user.`,
  options,
  examples: [{ line: 'enroll ca init --bits 4096', description: 'Before the first start' }],
  async run(context) {
    const bits = keyBits(context.options.bits, name)
    const by = { name: context.system.user(), why: 'made by hand', at: context.system.now() }
    const random = systemRandom()
    const { authority, path } = await withRecord(context, async (store, settings) => {
      const { ca, organisation } = ownCaSettings(settings)
      const [issuing] = await store.authorities.list()
      if (issuing !== undefined)
        throw new CommandFailed(
          `There is ${issuing.id} already. \`gatehouse enroll ca rotate\` makes the next one`,
        )
      const deps = { store, settings: ca, organisation, newId: () => random.id() }
      const added = await tellingKeyFile(() => addOwn(deps, { bits, replaces: undefined, by }))
      if (added === undefined) throw new CommandFailed('Another process made one at this moment')
      return { authority: added, path: keyPath(ca, added.id) }
    })
    context.out.show(
      { authority, key: path },
      () => `${authority.id} issues certificates now. Its key is ${path}: back it up.`,
    )
    return 0
  },
})
