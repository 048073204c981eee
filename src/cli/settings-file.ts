import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadSettings } from '../settings/load.ts'
import type { Settings } from '../settings/settings.ts'
import type { CommandContext } from './command.ts'
import { UsageError, WrongSettings } from './errors.ts'

type Where = Pick<CommandContext, 'config' | 'system'>

const usual = join('config', 'gatehouse.yaml')

/**
 * `--config` or GATEHOUSE_CONFIG; otherwise the installation's own file before the working directory's: whoever can
 * write to a folder that an administrator happens to stand in must not choose the settings.
 * @throws UsageError when there is none
 */
export function settingsPath({ config, system }: Where): string {
  if (config !== undefined) return resolve(system.cwd, config)
  const found = [system.root, system.cwd]
    .map((folder) => join(folder, usual))
    .find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new UsageError(
    `There is no settings file: neither ${join(system.root, usual)} nor ${join(system.cwd, usual)}. Name it with --config PATH or GATEHOUSE_CONFIG.`,
  )
}

/** @throws WrongSettings with every mistake of the file */
export function readSettings(where: Where): Settings {
  const { settings, problems } = loadSettings(settingsPath(where), where.system.env)
  if (settings === undefined) throw new WrongSettings(problems)
  return settings
}
