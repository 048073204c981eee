import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { loadPolicy, PolicyRejected } from '../../src/gateway/policy-in-force.ts'
import { formatProblem } from '../../src/lib/yaml-document.ts'
import { loadSettings } from '../../src/settings/load.ts'

export const deploy = new URL('../../deploy/', import.meta.url).pathname

export function readDeploy(path: string): string {
  return readFileSync(join(deploy, path), 'utf8')
}

/** The mistakes that `gatehouse check` would find in settings and policy, where the files that they name are there. */
export async function mistakesIn(t: Test, settings: object, policy: object): Promise<readonly string[]> {
  const folder = t.testdir({ secret: 'Xq3vTn8wLz5rBk2mHc7d', 'policy.yaml': stringify(policy) })
  // Secrets are mounted where the containers run; any file does for reading the settings.
  const text = stringify(settings).replaceAll(/file: \S+/g, `file: ${join(folder, 'secret')}`)
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(file, text)
  for (const name of ['secret', 'gatehouse.yaml', 'policy.yaml']) chmodSync(join(folder, name), 0o600)
  const loaded = loadSettings(file, {})
  return [...loaded.problems.map(formatProblem), ...(await mistakesInPolicy(join(folder, 'policy.yaml')))]
}

async function mistakesInPolicy(file: string): Promise<readonly string[]> {
  try {
    await loadPolicy(file, { trustedProxies: [], services: [], now: () => Date.parse('2026-11-01') })
    return []
  } catch (error) {
    if (error instanceof PolicyRejected) return error.problems.map(formatProblem)
    throw error
  }
}
