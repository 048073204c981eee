/** `node scripts/with-node.mjs FILE ARGS…`: runs a TypeScript file of the clone under the pinned Node. */
import { runUnderPinnedNode } from './lib/run-node.mjs'

const [file, ...args] = process.argv.slice(2)
if (file === undefined) {
  process.stderr.write('usage: node scripts/with-node.mjs FILE ARGS…\n')
  process.exit(2)
}
runUnderPinnedNode(file, args)
