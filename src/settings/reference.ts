import { durationPattern, sizePattern } from '../lib/units.ts'
import { type JsonSchema, settingsJsonSchema } from './json-schema.ts'

/** `docs/reference/settings.md`: every key of `gatehouse.yaml`, from the same place as its type and default. */
export function settingsReference(): string {
  const { properties = {}, required = [] } = settingsJsonSchema()
  const sections = Object.entries(properties).map(([key, schema]) => section(key, schema, required))
  return `${[intro, ...sections].join('\n\n')}\n`
}

const intro = `# Settings

\`gatehouse.yaml\` is read at start. Paths are relative to the file. Durations are written as \`10s\`, \`5m\` or \`7d\`, sizes
as \`64KiB\` or \`1GiB\`. Secrets are \`{ env: NAME }\` or \`{ file: PATH }\`. Unknown keys are mistakes; \`gatehouse check\` shows every
mistake with its line, and \`gatehouse check --effective\` every setting with its default.

Editors complete and check the file when it begins with \`# yaml-language-server: $schema=schema/gatehouse.schema.json\`.`

function section(key: string, schema: JsonSchema, required: readonly string[]): string {
  const heading = `## \`${key}\`\n\n${schema.description ?? ''}`
  const rows = rowsWithin(schema, '', new Map())
  if (rows.length > 0) return `${heading}\n\n${table(rows)}`
  const standard = required.includes(key) ? 'required' : `default \`${inYaml(schema.default)}\``
  return `${heading}${exampleOf(schema)}\n\nValue: ${valueKind(schema)}, ${standard}.`
}

/** A table of the keys of one block. */
export function keysTable(schema: JsonSchema): string {
  return table(rowsWithin(schema, '', new Map()))
}

function exampleOf({ examples }: JsonSchema): string {
  return examples === undefined ? '' : ` For example \`${inYaml(examples[0])}\`.`
}

function table(rows: readonly string[]): string {
  return ['| key | value | default | what it does |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/**
 * One row for each key, however deep. A block that several keys share is shown where it comes first.
 *
 * @param shown the blocks that have rows already, and under which key
 */
function rowsWithin(schema: JsonSchema, prefix: string, shown: Map<string, string>): string[] {
  const { properties, required = [] } = blockOf(schema) ?? {}
  return Object.entries(properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`
    const own = (seeAlso?: string) => row(key, child, required.includes(name), seeAlso)
    const block = blockOf(child)
    if (block === undefined) return [own()]
    const shape = JSON.stringify(block.properties)
    const earlier = shown.get(shape)
    if (earlier !== undefined) return [own(`Keys as in \`${earlier}\`.`)]
    shown.set(shape, key)
    return [own(), ...rowsWithin(block, isList(child) ? `${key}[].` : `${key}.`, shown)]
  })
}

/** The mapping that a key holds: itself, in a list, or as one of several forms. */
function blockOf(schema: JsonSchema): JsonSchema | undefined {
  if (schema.properties !== undefined) return schema
  if (schema.items !== undefined) return blockOf(schema.items)
  return schema.anyOf?.map(blockOf).find((block) => block !== undefined)
}

function isList({ items }: JsonSchema): boolean {
  return items !== undefined
}

function row(key: string, schema: JsonSchema, required: boolean, seeAlso = ''): string {
  const description = [schema.description ?? '', seeAlso].filter(Boolean).join(' ') + exampleOf(schema)
  const fallback = required ? 'required' : blockOf(schema) && !isList(schema) ? '' : defaultOf(schema)
  const cells = [`\`${key}\``, valueKind(schema), fallback, description]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function defaultOf(schema: JsonSchema): string {
  return schema.default === undefined ? '' : `\`${inYaml(schema.default)}\``
}

/** On one line, as it may stand in the file. */
function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const pairs = Object.entries(value).map(([key, part]) => `${key}: ${inYaml(part)}`)
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
}

function valueKind(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.anyOf !== undefined) return schema.anyOf.map(valueKind).join(' or ')
  if (schema.oneOf !== undefined) return [...new Set(schema.oneOf.map(valueKind))].join(' or ')
  if (schema.items !== undefined) return `list of ${valueKind(schema.items)}`
  if (schema.pattern === durationPattern.source) return 'duration'
  if (schema.pattern === sizePattern.source) return 'size'
  return valueKinds[schema.type ?? ''] ?? ''
}

const valueKinds: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'number',
  boolean: '`true`, `false`',
  object: 'mapping',
  null: 'empty',
}
