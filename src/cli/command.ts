/**
 * The command line: `gatehouse COMMAND`. Each command is one file in `commands/` that says what it is called, what it
 * takes and what it does; `table.ts` lists them. Parsing, `--help`, usage errors and the reference page are made from
 * that, so that an undocumented option cannot exist. Commands that change something write to the record: a running
 * gateway follows the record's change notices, so that no command has to reach it.
 *
 * This file: the shape of a command.
 */
import type { Output } from './output.ts'

/** 0: done. 1: the answer is no, or the check failed. 2: wrong usage or settings. */
export type ExitCode = 0 | 1 | 2

/** What an option's value is once it is parsed. Durations and times are milliseconds. */
export interface OptionTypes {
  readonly flag: boolean
  readonly text: string
  readonly list: readonly string[]
  readonly count: number
  readonly duration: number
  readonly time: number
}

export interface CommandOption {
  readonly type: keyof OptionTypes
  readonly description: string
  /** What stands for the value in the help, such as `ADDRESS`; flags have none. */
  readonly value?: string
  readonly short?: string
  /** The only values that are allowed. */
  readonly oneOf?: readonly string[]
}

export type CommandOptions = Readonly<Record<string, CommandOption>>

/** Flags that were not given are false, lists empty, everything else undefined. */
export type OptionValues<O extends CommandOptions> = {
  readonly [Name in keyof O]: O[Name]['type'] extends 'flag' | 'list'
    ? OptionTypes[O[Name]['type']]
    : OptionTypes[O[Name]['type']] | undefined
}

export interface CommandArgument {
  readonly name: string
  readonly description: string
  readonly optional?: true
  /** The last one only: any number of them. */
  readonly many?: true
}

export interface CommandExample {
  /** What follows `gatehouse`. */
  readonly line: string
  readonly description: string
}

export interface CommandContext<O extends CommandOptions = CommandOptions> {
  /** What was given beside options, as many as the command declares. */
  readonly args: readonly string[]
  readonly options: OptionValues<O>
  /** `--config` or GATEHOUSE_CONFIG, as given. */
  readonly config: string | undefined
  readonly out: Output
  readonly system: System
}

/** What a command may know of the machine it runs on. */
export interface System {
  readonly env: NodeJS.ProcessEnv
  readonly now: () => number
  readonly cwd: string
  /** The folder that Gatehouse is installed in. */
  readonly root: string
  /** The operating-system user, whom the audit log names. */
  readonly user: () => string
}

export interface Command<O extends CommandOptions = CommandOptions> {
  /** One word, or two or three for commands of a group: `device list`, `enroll code create`. */
  readonly name: string
  readonly summary: string
  /** More than the summary says, for `--help`; lines of at most 100 characters. */
  readonly details?: string
  readonly args?: readonly CommandArgument[]
  readonly options: O
  readonly examples: readonly CommandExample[]
  run(context: CommandContext<O>): Promise<ExitCode>
}

/** Ties the type of `context.options` to the options that the command declares. */
export function defineCommand<const O extends CommandOptions>(command: Command<O>): Command {
  // The parser gives a command exactly the values that its own options declare.
  return command as unknown as Command
}

/** Every command has these. */
export const commonOptions = {
  config: {
    type: 'text',
    value: 'PATH',
    short: 'c',
    description:
      'The settings file. Otherwise $GATEHOUSE_CONFIG, or config/gatehouse.yaml of the installation or here.',
  },
  json: { type: 'flag', description: 'Print one JSON document instead of text.' },
  help: { type: 'flag', short: 'h', description: 'Print this help.' },
} as const satisfies CommandOptions
