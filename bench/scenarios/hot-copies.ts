import { fileURLToPath } from 'node:url'
import { firstLine, start } from '../processes.ts'
import type { Scenario } from './scenario.ts'

/** What `limits.hotMemory` takes a hot copy for, and what it takes of the heap: in a process of its own that does nothing else. */
export const hotCopies: Scenario = {
  name: 'hot-copies',
  summary: 'memory of a hot copy',
  options: {},
  async run() {
    const script = fileURLToPath(new URL('../../scripts/measure-hot-copies.ts', import.meta.url))
    console.log(await firstLine(start(process.execPath, ['--expose-gc', script])))
  },
}
