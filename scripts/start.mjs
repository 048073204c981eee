/** `npm start`: everything on this machine, against the evaluation settings in config/. */
import { runUnderPinnedNode } from './lib/run-node.mjs'

runUnderPinnedNode('sim/evaluation.ts', process.argv.slice(2))
