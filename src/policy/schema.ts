/** What is generated from the shape of `policy.yaml`: the JSON Schema for editors and the reference page. */
import { z } from 'zod'
import { conditions } from './conditions/table.ts'
import { policyShape } from './shape.ts'

export { policyShape } from './shape.ts'

/** JSON Schema (draft 7, which editors' YAML servers know) of what an administrator writes. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(policyShape, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    reused: 'ref',
  })
  return { title: 'Gatehouse policy', ...schema }
}

/** The text of `docs/reference/policy.md`. */
export function policyReference(): string {
  // The shape is an object schema, and so is what each generated property of it describes.
  const root = policyJsonSchema() as Described
  const definitions = root.definitions ?? {}
  const resolve = (part: Described): Described => resolved(part, definitions)
  const sections = Object.entries(root.properties ?? {}).map(([name, part]) => sectionText(name, part))
  return [
    '# Policy reference',
    '<!-- Generated from src/policy by `npm run generate`; do not edit. -->',
    introduction,
    ...sections,
    '## A rule',
    table(['key', 'type', 'default', 'what it does', 'example'], ruleRows(root, resolve)),
    '## Conditions',
    conditionsText,
    table(['condition', 'holds when', 'not known when', 'example'], conditionRows()),
    '## Limits',
    table(
      ['key', 'type', 'default', 'what it does', 'example'],
      propertyRows(root.properties?.limits, resolve),
    ),
    '## Tests',
    testsText,
    table(['key of `given`', 'type', 'default', 'what it does', 'example'], givenRows(root, resolve)),
    '',
  ].join('\n\n')
}

const introduction = `\`policy.yaml\` says who may register and who may connect. It is reloaded when it changes; a file with a mistake, or
one whose own tests fail, is not taken, and the policy before it stays in force. Mistakes are told with line and column.

Before any rule: a client that an administrator has blocked is refused; then \`gatehouse bypass\` lets a service through; then the
paths that a service lists as \`public\` are open. An unregistered client is then judged by \`registration\`, a registered
one by \`access\`. The first rule that matches decides. When none matches, the request is refused.`

const conditionsText = `Several keys in \`when\` must all hold; a list as a value means any of them. \`not\`, \`any\` and \`all\` nest, 16 levels deep:
\`when: { platform: ios, not: { network: vpn }, any: [{ group: directors }, { user: "svc-*" }] }\`.

**What is not known.** A client does not always say what a condition asks for, and before the sign-in nobody knows the user. A condition
that cannot be judged is neither true nor false but *not known*, and stays so through \`not\`: \`not: { platform: android }\` is not
known for a client that does not say its platform. A rule that says \`allow\` or \`approve\` matches only when its conditions are
known to hold. A rule that says \`refuse\` or \`redirect\` matches also when they are not known. So nobody gets in by keeping something
to themselves. A condition that is known to be false settles the rule, whatever else is not known: \`{ platform: ios, osVersion: "<17.5" }\`
does not hold for an Android phone without a version, and \`{ group: directors, signIn: true }\` not for a request that is no sign-in.`

const testsText = `Each test says what is \`given\` and what to \`expect\`: \`forward\`, \`register\`, \`redirect\`, \`refuse\` or \`await-approval\`, or
\`{ verdict, rule, reason }\` to be exact.`

/** The part of JSON Schema that the page shows. */
interface Described {
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Described[]
  readonly allOf?: readonly Described[]
  readonly items?: Described
  readonly properties?: Readonly<Record<string, Described>>
  readonly required?: readonly string[]
  readonly definitions?: Readonly<Record<string, Described>>
  readonly $ref?: string
}

type Resolve = (part: Described) => Described

function resolved(part: Described, definitions: Readonly<Record<string, Described>>): Described {
  const target = part.$ref ?? part.allOf?.[0]?.$ref
  const definition = target === undefined ? undefined : definitions[target.replace('#/definitions/', '')]
  return definition === undefined ? part : { ...resolved(definition, definitions), ...part }
}

function sectionText(name: string, { description = '', examples = [] }: Described): string {
  const example = examples.map((text) => `\n\n\`\`\`yaml\n${name}: ${text}\n\`\`\``).join('')
  return `## \`${name}\`\n\n${description}${example}`
}

function ruleRows(root: Described, resolve: Resolve): string[][] {
  return propertyRows(itemsOf(root.properties?.registration, resolve), resolve)
}

function givenRows(root: Described, resolve: Resolve): string[][] {
  const test = itemsOf(root.properties?.tests, resolve)
  return propertyRows(test?.properties?.given, resolve)
}

function itemsOf(list: Described | undefined, resolve: Resolve): Described | undefined {
  const items = list === undefined ? undefined : resolve(list).items
  return items === undefined ? undefined : resolve(items)
}

function propertyRows(of: Described | undefined, resolve: Resolve): string[][] {
  const { properties = {}, required = [] } = of === undefined ? {} : resolve(of)
  return Object.entries(properties).map(([key, part]) => {
    const { description = '', examples = [], ...rest } = resolve(part)
    const fallback =
      rest.default !== undefined ? code(rest.default) : required.includes(key) ? 'required' : '–'
    return [`\`${key}\``, typeText(rest, resolve), fallback, description, examples.map(code).join(', ')]
  })
}

function conditionRows(): string[][] {
  return conditions
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map(({ name, description, unknown, example }) => [
      `\`${name}\``,
      description,
      unknown ?? 'always known',
      `\`${name}: ${example}\``,
    ])
}

function typeText(part: Described, resolve: Resolve): string {
  const { const: only, enum: values, anyOf, type, items } = resolve(part)
  if (only !== undefined) return code(only)
  if (values !== undefined) return values.map(code).join(', ')
  if (anyOf !== undefined) return anyOf.map((option) => typeText(option, resolve)).join(' or ')
  if (type === 'array' && items !== undefined) return `list of ${typeText(items, resolve)}`
  if (type === 'object')
    return Object.keys(resolve(part).properties ?? {}).length === 1 ? actionText(part, resolve) : 'mapping'
  return type === 'string' ? 'text' : type === 'integer' ? 'whole number' : (type ?? 'text')
}

/** `{ redirect: text }`: the action of a rule. */
function actionText(part: Described, resolve: Resolve): string {
  const entries = Object.entries(resolve(part).properties ?? {})
  return entries.map(([key, value]) => `\`{ ${key}: ${typeText(value, resolve)} }\``).join('')
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
