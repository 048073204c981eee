import { chmodSync, existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { commonOptions } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/table.ts'
import { reasons } from '../../src/domain/reason.ts'
import { refusals } from '../../src/enrollment/refusals.ts'
import { loadPolicy, PolicyRejected } from '../../src/gateway/policy-in-force.ts'
import { formatProblem } from '../../src/lib/yaml-document.ts'
import { policyReference } from '../../src/policy/schema.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { settingsReference } from '../../src/settings/reference.ts'
import { vendorsReference } from '../../src/settings/vendors-reference.ts'
import { metricDefinitions } from '../../src/telemetry/metrics.ts'

const root = new URL('../..', import.meta.url).pathname
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...globSync('docs/**/*.md', { cwd: root }).sort(),
].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

interface Block {
  readonly language: string
  readonly text: string
  /** `docs/deploying.md:12`. */
  readonly at: string
}

const blocks: readonly Block[] = pages.flatMap(({ path, text }) =>
  [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(([, indent, language, body], index, all) => ({
    language: language ?? '',
    text: (body ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    at: `${path}:${text.slice(0, all[index]?.index).split('\n').length}`,
  })),
)

/** Words in code style, where names of settings, reasons, commands and metrics stand. */
const spans = pages.flatMap(({ path, text }) =>
  [...withoutBlocks(text).matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map(([, span]) => ({
    path,
    span: (span ?? '').replaceAll(/\s+/g, ' '),
  })),
)

function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '')
}

function marked(name: string): readonly Block[] {
  return blocks.filter(({ text }) => text.startsWith(`# ${name}\n`))
}

const settingsRest = {
  gateway: 'gateway: { listen: ["https://0.0.0.0:8443"], tls: { cert: a.crt, key: a.key } }',
  services:
    'services: [{ name: mail, hosts: [mail.example.com], upstream: ["https://exchange.internal"], client: activesync }]',
  store: 'store: sqlite:gatehouse.db',
}

const policyRest = {
  networks: 'networks: { certificate-wifi: [10.20.0.0/16], vpn: [10.99.0.0/16] }',
  registration: 'registration: [{ name: VPN, when: { network: vpn }, then: allow }]',
  access: 'access: [{ name: Compliant, when: { posture: compliant }, then: allow }]',
}

/** An example shows the sections that it is about; the others are filled in. */
function whole(text: string, rest: Readonly<Record<string, string>>): string {
  const missing = Object.entries(rest).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(text))
  return [text, ...missing.map(([, line]) => line), ''].join('\n')
}

function mistakesInSettings(t: Test, yaml: string): readonly string[] {
  // What the examples take secrets from.
  const secrets = {
    ...{ 'database-password': 'of the database', 'redis-password': 'of the cache' },
    'package-key': 'q83vEjRWeJq83vESNFZ4mrzd7wARIjNEVWZ3iJmqu8w=',
  }
  const file = join(t.testdir({ 'gatehouse.yaml': yaml, secrets }), 'gatehouse.yaml')
  chmodSync(file, 0o644)
  // The secrets that an example names are there.
  const env = Object.fromEntries(
    [...yaml.matchAll(/\benv: (\w+)/g)].map(([, name]) => [name, 'secret of sixteen and more']),
  )
  return loadSettings(file, env).problems.map(formatProblem)
}

t.test('every gatehouse.yaml of the documents is right', async (t) => {
  const examples = marked('gatehouse.yaml')
  t.ok(examples.length > 10)
  for (const { at, text } of examples) {
    await t.test(at, async (t) => t.strictSame(mistakesInSettings(t, whole(text, settingsRest)), []))
  }
})

t.test('every policy.yaml of the documents would be taken, and passes its own tests', async (t) => {
  const examples = marked('policy.yaml')
  t.ok(examples.length > 5)
  for (const { at, text } of examples) {
    await t.test(at, async (t) => {
      const file = join(t.testdir({ 'policy.yaml': whole(text, policyRest) }), 'policy.yaml')
      t.strictSame(await mistakesIn(file), [])
    })
  }
})

async function mistakesIn(file: string): Promise<readonly string[]> {
  try {
    await loadPolicy(file, { trustedProxies: [], services: [], now: () => Date.parse('2026-11-01') })
    return []
  } catch (error) {
    if (error instanceof PolicyRejected) return error.problems.map(formatProblem)
    throw error
  }
}

t.test('every YAML block says whose file it is', async (t) => {
  const known = /^(# [\w-]+\.yml\n|# (gatehouse|policy)\.yaml\n|apiVersion: )/
  const handWritten = blocks.filter(
    ({ language, at }) => language === 'yaml' && !at.startsWith('docs/reference/'),
  )
  for (const { at, text } of handWritten) t.match(text, known, at)
})

t.test('every command of the documents exists, with its options', async (t) => {
  const lines = [
    ...blocks
      .filter(({ language }) => language !== 'yaml')
      .flatMap(({ at, text }) => text.split('\n').map((line) => ({ at, line }))),
    ...spans.map(({ path, span }) => ({ at: path, line: span })),
  ]
  const shown = lines.flatMap(({ at, line }) => commandLines(line).map((words) => ({ at, words })))
  t.ok(shown.length > 50)
  for (const { at, words } of shown) t.equal(mistakeIn(words), undefined, `${at}: gatehouse ${words}`)
})

/** What follows the command: its name after a prompt, its path, another user's shell, or its file in the container. */
function commandLines(line: string): string[] {
  const command =
    /^(?:\$ |runuser -u \w+ -- |docker exec \w+ node )?(?:[\w/]*bin\/)?(?:gatehouse|src\/cli\/main\.ts) ([a-z].*?)(?: #.*| \|.*)?$/
  return command.exec(line.trim())?.slice(1) ?? []
}

function mistakeIn(line: string): string | undefined {
  const words = line.replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT').split(/[\s,]+/)
  const command = commands.find(({ name }) => `${words.join(' ')} `.startsWith(`${name} `))
  const group = words.length === 1 || words[1] === '…'
  if (command === undefined)
    return group && commands.some(({ name }) => name.split(' ')[0] === words[0])
      ? undefined
      : 'no such command'
  const options = { ...command.options, ...commonOptions }
  const unknown = words
    .filter((word) => word.startsWith('--'))
    .find((word) => !Object.hasOwn(options, word.slice(2)))
  return unknown === undefined ? undefined : `no option ${unknown}`
}

/** Made from the code, with keys as they stand below their section, and names of vendors' and of Apple's own fields. */
const withoutSections: ReadonlySet<string> = new Set([
  'docs/reference/settings.md',
  'docs/reference/vendors.md',
  'docs/reference/profiles.md',
])

t.test('every setting and reason code of the documents exists', async (t) => {
  const settingKeys = keysOf(settingsReference())
  const policyKeys = [...policyReference().matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => `limits.${key}`)
  const vendorKeys = [...vendorsReference().matchAll(/^\| `([\w.[\]]+)` \|/gm)].map(
    ([, key]) => key as string,
  )
  const known = new Set([
    ...Object.keys(reasons),
    ...enrollmentCodes(),
    ...settingKeys,
    ...policyKeys,
    ...vendorKeys,
  ])
  const sections = new Set([...known].map((key) => key.split('.')[0]))
  const dotted = /^[a-z-]+(\.[A-Za-z0-9-]+)+$/
  const named = spans.filter(
    ({ path, span }) =>
      !withoutSections.has(path) && dotted.test(span) && sections.has(span.split('.')[0]) && !isFile(span),
  )
  t.ok(named.length > 100)
  for (const { path, span } of named) t.ok(known.has(span), `${path}: ${span}`)
})

/** The keys of the reference page, each with its section. Those of one service are also named without it. */
function keysOf(page: string): string[] {
  return page.split(/^## /m).flatMap((section) => {
    const name = /^`(\w+)`/.exec(section)?.[1]
    const keys = [...section.matchAll(/^\| `([\w.[\]]+)` \|/gm)].map(([, key]) => key as string)
    return name === undefined
      ? []
      : [name, ...keys.map((key) => `${name}.${key}`), ...(name === 'services' ? keys : [])]
  })
}

function isFile(span: string): boolean {
  return /\.(ts|md|yaml|yml|db|crt|key|json|log|service|example|com)$/.test(span)
}

t.test('every metric of the documents exists', async (t) => {
  const names = Object.values(metricDefinitions).map(({ name }) => name as string)
  const named = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\bgatehouse_[a-z_]+\b/g)].map(([name]) => ({ path, name })),
  )
  for (const { path, name } of named)
    t.ok(names.includes(name.replace(/_(bucket|sum|count)$/, '')), `${path}: ${name}`)
})

t.test('every link between the documents leads somewhere', async (t) => {
  for (const { path, text } of pages) {
    for (const [, target = ''] of withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const resolved = file === '' ? path : relative('.', join(dirname(path), file))
      t.ok(existsSync(join(root, resolved)), `${path}: ${target}`)
      if (anchor !== undefined) t.ok(anchorsOf(resolved).includes(anchor), `${path}: ${target}`)
    }
  }
})

/** Headings as GitHub and most others make anchors of them. */
function anchorsOf(path: string): readonly string[] {
  const text = withoutBlocks(readFileSync(join(root, path), 'utf8'))
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

t.test('every file of the repository that the documents name is there', async (t) => {
  const isPath = /^(src|test|docs|deploy|scripts|config|sim|bin)\/[\w./-]+$/
  const named = spans.filter(({ span }) => isPath.test(span) && span !== 'test/some.test.ts')
  for (const { path, span } of named) t.ok(existsSync(join(root, span)), `${path}: ${span}`)
})

t.test('the schemas that the settings and the policy of the evaluation name are there', async (t) => {
  for (const path of ['config/gatehouse.yaml', 'config/policy.yaml']) {
    const schema = /^# yaml-language-server: \$schema=(\S+)$/m.exec(
      readFileSync(join(root, path), 'utf8'),
    )?.[1]
    t.ok(schema !== undefined && existsSync(join(root, dirname(path), schema)), path)
  }
})

/** Reasons of the enrollment listener: of its pages, and those that the protocol's own files give. */
function enrollmentCodes(): readonly string[] {
  const files = globSync('src/enrollment/mdm/*.ts', { cwd: root })
  const codes = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/'([a-z]+\.[a-z-]+)'/g)].map(
      ([, code]) => code as string,
    ),
  )
  return [...Object.keys(refusals), ...codes]
}
