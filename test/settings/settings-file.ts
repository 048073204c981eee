import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type LoadedSettings, loadSettings } from '../../src/settings/load.ts'
import type { Settings } from '../../src/settings/settings.ts'

/** The least that a settings file needs; tests add to it. */
export const gateway = 'gateway: { listen: ["http://127.0.0.1:8080"] }'
export const mail =
  '{ name: mail, hosts: [mail.example.com], upstream: ["https://exchange.internal"], client: activesync }'
export const services = `services: [${mail}]`
export const store = 'store: sqlite:gatehouse.db'

/** Writes the lines to a real `gatehouse.yaml`, beside `files`, and loads it. */
export function load(t: Test, lines: readonly string[], options: LoadOptions = {}): LoadedSettings {
  return loadSettings(settingsFile(t, lines, options.files), options.env ?? {})
}

interface LoadOptions {
  readonly files?: Readonly<Record<string, string>>
  readonly env?: NodeJS.ProcessEnv
}

export function settingsFile(t: Test, lines: readonly string[], files: LoadOptions['files'] = {}): string {
  const folder = t.testdir({ ...files, 'gatehouse.yaml': `${lines.join('\n')}\n` })
  const path = join(folder, 'gatehouse.yaml')
  // Whatever umask the tests run under.
  chmodSync(path, 0o644)
  return path
}

export function loadGood(t: Test, lines: readonly string[], options: LoadOptions = {}): Settings {
  const { settings, problems } = load(t, lines, options)
  if (settings === undefined)
    throw new Error(problems.map(({ key, message }) => `${key}: ${message}`).join('\n'))
  return settings
}

/** The mistakes as `line:column key: message`. */
export function mistakes(t: Test, lines: readonly string[], options: LoadOptions = {}): string[] {
  return load(t, lines, options).problems.map(
    ({ line, column, key, message }) => `${line}:${column} ${key}: ${message}`,
  )
}
