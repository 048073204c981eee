import type { Problem } from '../lib/yaml-document.ts'
import { loadSettings } from './load.ts'
import type { Settings } from './settings.ts'

export type ChangedSections =
  | { readonly sections: readonly string[] }
  /** The file has mistakes now. */
  | { readonly problems: readonly Problem[] }

/** Settings are read at start; a reload says which of them wait for a restart, so that nobody waits for an effect. */
export function changedSections(running: Settings, env: NodeJS.ProcessEnv): ChangedSections {
  const { settings: next, problems } = loadSettings(running.file, env)
  if (next === undefined) return { problems }
  const sections = (Object.keys(next) as (keyof Settings)[]).filter(
    (section) => JSON.stringify(next[section]) !== JSON.stringify(running[section]),
  )
  return { sections }
}
