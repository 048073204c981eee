import packageJson from '../../../package.json' with { type: 'json' }
import { defineCommand } from '../command.ts'

export const versionCommand = defineCommand({
  name: 'version',
  summary: 'Print the versions of Gatehouse and of the Node that runs it.',
  options: {},
  examples: [{ line: 'version', description: 'What a problem report needs' }],
  async run({ out }) {
    const { version } = packageJson
    out.show({ version, node: process.version }, () => `gatehouse ${version} (Node ${process.version})`)
    return 0
  },
})
