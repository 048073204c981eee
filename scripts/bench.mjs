/** `npm run bench`: the gateway's cost beside that of other proxies; see bench/. */
import { runUnderPinnedNode } from './lib/run-node.mjs'

runUnderPinnedNode('bench/main.ts', process.argv.slice(2))
