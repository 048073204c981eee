import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { checkWith } from '../lib/check-with.ts'
import { type Problem, readYaml } from '../lib/yaml-document.ts'
import { buildSettings } from './build.ts'
import { errorCode } from './secret.ts'
import type { Settings } from './settings.ts'
import { laterSections, settingsSchema } from './settings-schema.ts'

export type LoadedSettings =
  | { readonly settings: Settings; readonly problems: readonly [] }
  | { readonly settings: undefined; readonly problems: readonly Problem[] }

/**
 * Reads `gatehouse.yaml`. Paths in it are relative to it. Every mistake is reported, in the order of the lines; a file
 * that everybody may write to is not read at all.
 */
export function loadSettings(path: string, env: NodeJS.ProcessEnv): LoadedSettings {
  const file = resolve(path)
  const read = readTextFile(file)
  if (read.text === undefined) return failed([{ file, line: 1, column: 1, key: '', message: read.mistake }])
  const document = readYaml(read.text, file)
  const checked = checkWith(settingsSchema, document)
  if (checked.value === undefined) return failed(checked.problems.map(explainLaterSection))
  const readers = { env, resolve: (path: string) => resolve(dirname(file), path), readFile: readSecretFile }
  const built = buildSettings(checked.value, { document, file, readers })
  return built.problems.length > 0 ? failed(built.problems) : { settings: built.settings, problems: [] }
}

function failed(problems: readonly Problem[]): LoadedSettings {
  const inOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return { settings: undefined, problems: inOrder }
}

const writableByAll = 0o002

/** Reads what it has checked: the open file, not whatever stands at its path a moment later. */
function readTextFile(path: string): { text: string } | { text: undefined; mistake: string } {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    if ((fstatSync(fd).mode & writableByAll) !== 0) {
      return {
        text: undefined,
        mistake: `everybody on this machine may write to the file: chmod o-w ${path}`,
      }
    }
    return { text: readFileSync(fd, 'utf8') }
  } catch (error) {
    return { text: undefined, mistake: `the file cannot be read: ${errorCode(error)}` }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function readSecretFile(path: string): string {
  const read = readTextFile(path)
  if (read.text === undefined) throw new Error(read.mistake)
  return read.text
}

function explainLaterSection(problem: Problem): Problem {
  if (!laterSections.has(problem.key)) return problem
  return {
    ...problem,
    message: 'this section belongs to a later version of Gatehouse; leave it out until then',
  }
}
