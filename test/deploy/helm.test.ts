import { globSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { deploy, mistakesIn, readDeploy } from './support.ts'

const chart = 'helm/gatehouse'
const valuesText = readDeploy(`${chart}/values.yaml`)
const values = parse(valuesText) as Values
const schema = JSON.parse(readDeploy(`${chart}/values.schema.json`)) as Schema
const templates = globSync(`${chart}/templates/*`, { cwd: deploy })
  .map((path) => readDeploy(path))
  .join('\n')

interface Values {
  readonly [section: string]: unknown
  readonly settings: {
    readonly gateway: { readonly listen: readonly string[]; readonly tls: { readonly cert: string } }
  }
  readonly policy: object
  readonly service: { readonly targetPort: number }
  readonly management: { readonly port: number }
  readonly terminationGracePeriodSeconds: number
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Maps whose keys are the administrator's own. */
const free = new Set(['settings', 'policy', 'resources', 'affinity'])

function leaves(value: unknown, path: readonly string[] = []): readonly string[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMap || Object.keys(value).length === 0 || free.has(path[0] ?? '')) return [path.join('.')]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

t.test('the settings and the policy of the values are right', async (t) => {
  const { port } = values.management
  const management = { listen: `http://0.0.0.0:${port}`, allowRemote: true }
  t.strictSame(await mistakesIn(t, { ...values.settings, management }, values.policy), [])
})

t.test('each value is used by a template, and each value that a template uses is there', async (t) => {
  const used = new Set([...templates.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path ?? ''))
  const there = leaves(values)
  t.ok(there.length > 30)
  for (const path of there)
    t.ok(
      [...used].some((one) => one === path || path.startsWith(`${one}.`) || one.startsWith(`${path}.`)),
      path,
    )
  for (const path of used)
    t.ok(
      there.some((one) => one === path || one.startsWith(`${path}.`) || path.startsWith(`${one}.`)),
      path,
    )
})

t.test('each value is documented, and the schema knows it', async (t) => {
  for (const name of Object.keys(values)) {
    t.ok(schema.properties?.[name], name)
    t.match(valuesText, new RegExp(`(^|\\n)(# .*\\n)*${name}:`), name)
  }
  const documented = [...valuesText.matchAll(/# -- .*\n(?:\s*#.*\n)*(\w+):/g)].map(([, name]) => name)
  for (const name of ['replicas', 'settings', 'policy', 'service', 'networkPolicy', 'podDisruptionBudget'])
    t.ok(documented.includes(name), name)
})

t.test('pods listen where the Service and the probes look for them', async (t) => {
  t.strictSame(
    values.settings.gateway.listen.map((url) => new URL(url).port),
    [String(values.service.targetPort)],
  )
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    t.match(templates, new RegExp(`${probe}: .*port: management`))
})

t.test(
  'pods are not root, write nowhere but to the record’s folder, and have no right to spare',
  async (t) => {
    for (const line of [
      'runAsNonRoot: true',
      'readOnlyRootFilesystem: true',
      'allowPrivilegeEscalation: false',
      'capabilities: { drop: [ALL] }',
      'seccompProfile: { type: RuntimeDefault }',
      'automountServiceAccountToken: false',
    ])
      t.ok(templates.includes(line), line)
  },
)

t.test('files that the settings name lie in folders that are mounted', async (t) => {
  const named = [...JSON.stringify(values.settings).matchAll(/"(\/etc\/[^"]+)\/[^/"]+"/g)].map(
    ([, folder]) => folder,
  )
  t.ok(named.length >= 3)
  for (const folder of named) t.match(templates, new RegExp(`mountPath: ${folder}[,} ]`))
})
