/**
 * Writes what is made from the code: the schemas for editors and the pages under `docs/reference/`. `--check` writes
 * nothing and exits with 1 when a file is not as it would be written.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { appConfigReference } from '../src/app-config/reference.ts'
import { commandsReference } from '../src/cli/reference.ts'
import { reasons } from '../src/domain/reason.ts'
import { profileJsonSchema } from '../src/enrollment/profiles/profile-schema.ts'
import { profilesReference } from '../src/enrollment/profiles/reference.ts'
import { policyJsonSchema, policyReference } from '../src/policy/schema.ts'
import { settingsJsonSchema } from '../src/settings/json-schema.ts'
import { settingsReference } from '../src/settings/reference.ts'
import { vendorsReference } from '../src/settings/vendors-reference.ts'
import { reasonsReference } from './lib/reasons-reference.ts'
import { accessLogReference, metricsReference } from './lib/telemetry-reference.ts'

interface GeneratedFile {
  /** Below the repository. */
  readonly file: string
  readonly render: () => string
}

const generated: readonly GeneratedFile[] = [
  { file: 'config/schema/gatehouse.schema.json', render: () => json(settingsJsonSchema()) },
  { file: 'config/schema/policy.schema.json', render: () => json(policyJsonSchema()) },
  { file: 'config/schema/profile.schema.json', render: () => json(profileJsonSchema()) },
  { file: 'docs/reference/settings.md', render: () => page(settingsReference()) },
  { file: 'docs/reference/vendors.md', render: () => page(vendorsReference()) },
  { file: 'docs/reference/profiles.md', render: () => page(profilesReference()) },
  { file: 'docs/reference/policy.md', render: policyReference },
  { file: 'docs/reference/commands.md', render: commandsReference },
  { file: 'docs/reference/app-config.md', render: () => page(appConfigReference()) },
  { file: 'docs/reference/reasons.md', render: () => page(reasonsReference(reasons)) },
  { file: 'docs/reference/metrics.md', render: () => page(metricsReference()) },
  { file: 'docs/reference/access-log.md', render: () => page(accessLogReference()) },
]

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

function page(markdown: string): string {
  return `<!-- Made by \`npm run generate\`; edit the code instead. -->\n\n${markdown}`
}

const root = join(import.meta.dirname, '..')
const outdated = generated
  .map(({ file, render }) => ({ file, path: join(root, file), text: render() }))
  .filter(({ path, text }) => current(path) !== text)

if (process.argv.includes('--check')) {
  for (const { file } of outdated) console.error(`${file} differs from the code: npm run generate`)
  process.exitCode = outdated.length > 0 ? 1 : 0
} else {
  for (const { file, path, text } of outdated) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    console.log(`wrote ${file}`)
  }
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
