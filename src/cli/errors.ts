import type { Problem } from '../lib/yaml-document.ts'
import type { ExitCode } from './command.ts'

/** The command was called wrongly: exit 2, with the way to the help. */
export class UsageError extends Error {
  /** The command whose help tells more; undefined: the overview does. */
  readonly command: string | undefined

  constructor(message: string, command?: string) {
    super(message)
    this.name = 'UsageError'
    this.command = command
  }
}

/** The answer is no, in words for the person who asked. */
export class CommandFailed extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = 1) {
    super(message)
    this.name = 'CommandFailed'
    this.exitCode = exitCode
  }
}

/** The settings or the policy are wrong; all mistakes at once: exit 2. */
export class WrongSettings extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super('The settings are wrong')
    this.name = 'WrongSettings'
    this.problems = problems
  }
}
