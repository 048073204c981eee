import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

const root = new URL('..', import.meta.url).pathname

/** Which folder of `src/` may import from which others (design, section 10). */
const mayImport: Record<string, readonly string[]> = {
  domain: [],
  lib: [],
  policy: ['domain', 'lib'],
  clients: ['domain', 'lib'],
  evidence: ['domain', 'lib'],
  store: ['domain', 'lib'],
  'shared-state': ['domain', 'lib', 'settings'],
  telemetry: ['domain', 'lib'],
  audit: ['domain', 'lib', 'store'],
  apns: ['domain', 'lib', 'store', 'devices', 'shared-state', 'telemetry', 'settings'],
  compliance: ['domain', 'lib', 'store', 'devices', 'shared-state', 'telemetry', 'settings'],
  devices: ['domain', 'lib', 'store', 'shared-state'],
  // Of `clients` the style sheet of pages alone.
  enrollment: ['domain', 'lib', 'clients', 'store', 'devices', 'shared-state', 'telemetry', 'settings'],
  settings: ['domain', 'lib', 'clients', 'policy', 'app-config'],
  gateway: [
    'domain',
    'lib',
    'policy',
    'clients',
    'evidence',
    'devices',
    'store',
    'shared-state',
    'telemetry',
    'settings',
  ],
  management: ['domain', 'lib', 'devices', 'store', 'telemetry', 'settings'],
  roles: [
    'domain',
    'lib',
    'policy',
    'clients',
    'evidence',
    'devices',
    'store',
    'shared-state',
    'telemetry',
    'settings',
    'gateway',
    'management',
    'compliance',
    'apns',
    'enrollment',
  ],
  'app-config': ['domain', 'lib'],
  cli: [
    'app-config',
    'domain',
    'lib',
    'policy',
    'clients',
    'evidence',
    'devices',
    'store',
    'shared-state',
    'telemetry',
    'settings',
    'gateway',
    'audit',
    'compliance',
    'enrollment',
    'supervisor',
    'main.ts',
    'apns',
  ],
  // No gateway, store or devices: what it does not have cannot end it.
  supervisor: ['lib', 'management', 'settings', 'shared-state', 'telemetry'],
  'main.ts': ['lib', 'management', 'roles', 'settings', 'shared-state', 'store', 'telemetry'],
  'worker.ts': ['main.ts', 'settings', 'shared-state', 'supervisor'],
}

/** Each driver or engine appears in as few files as stated, so that it can be replaced there. */
const onlyIn: Record<string, readonly string[]> = {
  'node:sqlite': ['src/store/sqlite.ts'],
  ioredis: ['src/shared-state/redis/client.ts'],
  pg: ['src/store/postgres.ts'],
  'node-forge': [
    'src/apns/push-certificate.ts',
    'src/enrollment/asn1/read.ts',
    'src/enrollment/asn1/write.ts',
  ],
}

interface Import {
  readonly from: string
  readonly to: string
}

const files = globSync('src/**/*.ts', { cwd: root })
const imports: Import[] = files.flatMap((from) =>
  [...readFileSync(join(root, from), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({
    from,
    to: match[1]?.startsWith('.') ? normalize(join(dirname(from), match[1])) : (match[1] ?? ''),
  })),
)

function area(file: string): string {
  return file.split('/')[1] ?? ''
}

t.test('each folder of src/ imports only what the design allows', async (t) => {
  const wrong = imports.filter(
    ({ from, to }) =>
      to.startsWith('src/') && area(from) !== area(to) && !(mayImport[area(from)] ?? []).includes(area(to)),
  )
  t.strictSame(wrong, [])
})

t.test('no file takes part in a circle of imports', async (t) => {
  const next = Map.groupBy(
    imports.filter(({ to }) => to.startsWith('src/')),
    ({ from }) => from,
  )
  const done = new Set<string>()
  const circles: string[] = []
  function visit(file: string, path: readonly string[]): void {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || path.includes(file)) return
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  t.strictSame(circles, [])
})

t.test('a driver appears in one file', async (t) => {
  for (const [module, allowed] of Object.entries(onlyIn)) {
    const users = imports.filter(({ to }) => to === module).map(({ from }) => from)
    t.strictSame([...new Set(users)].sort(), [...allowed].sort(), module)
  }
})

t.test('simulators are loaded by one command alone, and only when it runs', async (t) => {
  const users = [...new Set(imports.filter(({ to }) => to.startsWith('sim/')).map(({ from }) => from))].sort()
  t.strictSame(users, ['src/cli/commands/enroll-simulate.ts', 'src/cli/simulated-phone.ts'])
  for (const file of users)
    for (const [line] of readFileSync(join(root, file), 'utf8').matchAll(/^import .*\/sim\/.*$/gm))
      t.match(line, /^import type /)
})

t.test('packages that src/ uses are there in an installation without those of developers', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const packages = imports
    .filter(({ to }) => /^(@[a-z0-9-]+\/)?[a-z][a-z0-9-]*(\/[\w./-]+)?$/.test(to) && !/^(src|sim)\//.test(to))
    .map(({ to }) => /^(@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to)
  t.strictSame([...new Set(packages)].filter((name) => !(name in dependencies)).sort(), [])
})

t.test('nothing but src/lib/random.ts and src/main.ts draws randomness or time for others', async (t) => {
  const users = files.filter((file) => /\bMath\.random\(/.test(readFileSync(join(root, file), 'utf8')))
  t.strictSame(users, [])
})
