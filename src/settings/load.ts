import { dirname, resolve } from 'node:path'
import { checkWith } from '../lib/check-with.ts'
import { type Problem, readYaml } from '../lib/yaml-document.ts'
import { buildSettings } from './build.ts'
import type { Settings } from './settings.ts'
import { settingsSchema } from './settings-schema.ts'
import { readTextFile } from './text-file.ts'

export type LoadedSettings =
  | { readonly settings: Settings; readonly problems: readonly [] }
  | { readonly settings: undefined; readonly problems: readonly Problem[] }

/**
 * Reads `gatehouse.yaml`. Paths in it are relative to it. Every mistake is reported, in the order of the lines; a file
 * that everybody may write to is not read at all.
 * @param given its text, when it has been read before
 */
export function loadSettings(
  path: string,
  env: NodeJS.ProcessEnv,
  given?: { readonly text: string },
): LoadedSettings {
  const file = resolve(path)
  const read = given ?? readTextFile(file)
  if (read.text === undefined) return failed([{ file, line: 1, column: 1, key: '', message: read.mistake }])
  const document = readYaml(read.text, file)
  const checked = checkWith(settingsSchema, document)
  if (checked.value === undefined) return failed(checked.problems)
  const readers = { env, resolve: (path: string) => resolve(dirname(file), path), readFile: readTextFile }
  const built = buildSettings(checked.value, { document, file, readers })
  return built.problems.length > 0 ? failed(built.problems) : { settings: built.settings, problems: [] }
}

function failed(problems: readonly Problem[]): LoadedSettings {
  const inOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return { settings: undefined, problems: inOrder }
}
