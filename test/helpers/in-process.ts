import { dispatch } from '../../src/cli/dispatch.ts'
import { commands } from '../../src/cli/table.ts'
import type { RunResult } from './run.ts'

/** A command of `gatehouse` without a process of its own, for what shows already in the words: a process costs its start. */
export async function inProcess(argv: readonly string[], settingsFile = '/nowhere'): Promise<RunResult> {
  let stdout = ''
  let stderr = ''
  const code = await dispatch(commands, {
    argv,
    streams: {
      out: (text) => {
        stdout += text
      },
      err: (text) => {
        stderr += text
      },
    },
    system: {
      env: { GATEHOUSE_CONFIG: settingsFile },
      now: Date.now,
      cwd: '/',
      root: '/',
      user: () => 'tester',
    },
  })
  return { code, stdout, stderr }
}
