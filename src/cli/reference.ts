import type { Command } from './command.ts'
import { commonOptions } from './command.ts'
import { optionLines, usageLine } from './help.ts'
import { commands } from './table.ts'

/** `docs/reference/commands.md`, from the same table as `--help`. */
export function commandsReference(): string {
  return [
    '# Commands',
    '',
    'Exit status: 0 done, 1 the answer is no or the check failed, 2 wrong usage or settings. Every command takes:',
    '',
    ...optionRows(optionLines(commonOptions)),
    ...commands.flatMap(section),
  ].join('\n')
}

function section(command: Command): string[] {
  const rows = [
    ...(command.args ?? []).map(({ name, description }) => [name, description] as const),
    ...optionLines(command.options),
  ]
  return [
    `## gatehouse ${command.name}`,
    '',
    command.summary,
    '',
    ...(command.details === undefined ? [] : [command.details, '']),
    '```',
    usageLine(command),
    '```',
    '',
    ...(rows.length === 0 ? [] : optionRows(rows)),
    ...command.examples.flatMap(({ line, description }) => [
      `${description}:`,
      '',
      '```sh',
      `gatehouse ${line}`.trimEnd(),
      '```',
      '',
    ]),
  ]
}

function optionRows(rows: readonly (readonly [string, string])[]): string[] {
  const escaped = (text: string) => text.replaceAll('|', '\\|')
  return [
    '| option | what it does |',
    '| --- | --- |',
    ...rows.map(([name, description]) => `| \`${escaped(name)}\` | ${escaped(description)} |`),
    '',
  ]
}
