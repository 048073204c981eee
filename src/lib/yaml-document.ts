/**
 * Reads the YAML files that administrators edit: core schema, no merge keys, no custom tags, bounded in size, depth and
 * aliases. Every mistake is reported at once, each with its line and column. The shape is checked by
 * `checkWith` (`check-with.ts`), so that policy and settings complain in the same words.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'

/** A mistake in a file. Lines and columns count from 1. `key` is dotted, such as `registration[2].when.netwrok`. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly key: string
  readonly message: string
}

export type KeyPath = readonly (string | number)[]

export interface Position {
  readonly line: number
  readonly column: number
}

export interface YamlDocument {
  readonly file: string
  /** Plain values without prototypes' names as keys; undefined when there are problems. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Where the value of `path` stands, or its key; of what is missing, the nearest thing around it that exists. */
  position(path: KeyPath, part?: 'key' | 'value'): Position
}

const maxBytes = 1024 * 1024
const maxAliases = 100
const maxDepth = 32
/** 1 MiB of text holds fewer than this without aliases. */
const maxNodes = 600_000

export function readYaml(text: string, fileName: string): YamlDocument {
  if (Buffer.byteLength(text) > maxBytes) return unreadable(fileName, 'the file is larger than 1 MiB')
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      ...{ version: '1.2', schema: 'core', merge: false, resolveKnownTags: false, uniqueKeys: true },
      ...{ strict: true, prettyErrors: false, logLevel: 'error', lineCounter: lines },
    })
    return new ReadDocument(fileName, document, lines)
  } catch (error) {
    // The composer is recursive: thousands of brackets end it before the depth can be counted.
    if (error instanceof RangeError) return unreadable(fileName, tooDeep)
    throw error
  }
}

/** Adds a mistake that only the meaning of the file shows. */
export function problemAt(document: YamlDocument, path: KeyPath, message: string): Problem {
  return { file: document.file, ...document.position(path), key: keyText(path), message }
}

/** `['registration', 2, 'when']` as `registration[2].when`. */
export function keyText(path: KeyPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step.slice(0, 100))}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** `policy.yaml:3:5: registration[0].when: …`, as compilers print it. */
export function formatProblem({ file, line, column, key, message }: Problem): string {
  return `${file}:${line}:${column}: ${key === '' ? '' : `${key}: `}${message}`
}

const tooDeep = `nested more than ${maxDepth} levels deep`

function unreadable(file: string, message: string): YamlDocument {
  const position = { line: 1, column: 1 }
  return {
    file,
    value: undefined,
    problems: [{ file, ...position, key: '', message }],
    position: () => position,
  }
}

class ReadDocument implements YamlDocument {
  readonly file: string
  readonly value: unknown
  readonly problems: readonly Problem[]
  readonly #document: Document.Parsed
  readonly #lines: LineCounter
  readonly #targets: AliasTargets

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.file = file
    this.#document = document
    this.#lines = lines
    this.#targets = aliasTargets(document)
    const syntax = [...document.errors, ...document.warnings].map((error) => this.#syntaxProblem(error))
    const refused =
      syntax.length > 0 ? [] : refusedParts(document, this.#targets).map((part) => this.#refusal(part))
    this.problems = [...syntax, ...refused]
    this.value = this.problems.length > 0 ? undefined : document.toJS({ maxAliasCount: -1 })
  }

  position(path: KeyPath, part: 'key' | 'value' = 'value'): Position {
    let node: unknown = this.#document.contents
    let offset = offsetOf(node) ?? 0
    for (const [index, step] of path.entries()) {
      const last = index === path.length - 1
      const found = child(isAlias(node) ? this.#targets.get(node) : node, step)
      if (found === undefined) break
      node = found.value
      const own = last && part === 'key' ? found.key : found.value
      offset = offsetOf(own) ?? offsetOf(found.key) ?? offset
    }
    return this.#at(offset)
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  #syntaxProblem(error: YAMLError): Problem {
    const message = error.code === 'DUPLICATE_KEY' ? 'this key stands twice' : error.message
    return { file: this.file, ...this.#at(error.pos[0]), key: '', message }
  }

  #refusal({ offset, message }: RefusedPart): Problem {
    return { file: this.file, ...this.#at(offset), key: '', message }
  }
}

interface Child {
  readonly key: unknown
  readonly value: unknown
}

function child(node: unknown, step: string | number): Child | undefined {
  if (isMap(node)) {
    return node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
  }
  if (!isSeq(node) || typeof step !== 'number' || step >= node.items.length) return undefined
  return { key: node.items[step], value: node.items[step] }
}

function offsetOf(node: unknown): number | undefined {
  // An empty value has a place too, but it may be lines below its key.
  if (!isNode(node) || (isScalar(node) && node.value === null && node.source === '')) return undefined
  return node.range?.[0]
}

interface RefusedPart {
  readonly offset: number
  readonly message: string
}

const prototypeNames = new Set(['__proto__', 'constructor', 'prototype'])

/** What is YAML, but not ours: each could make two readers see two different files, or one reader see too much. */
function refusedParts(document: Document.Parsed, targets: AliasTargets): RefusedPart[] {
  const parts: RefusedPart[] = []
  const refuse = (node: unknown, message: string) => parts.push({ offset: offsetOf(node) ?? 0, message })
  if (document.directives?.yaml.version !== '1.2') refuse(document.contents, 'only YAML 1.2 is read')
  if (targets.size > maxAliases) refuse([...targets.keys()].at(maxAliases), `more than ${maxAliases} aliases`)
  for (const [alias, target] of targets) {
    if (target === undefined) refuse(alias, `there is no anchor &${alias.source} before this`)
  }
  visit(document, {
    Pair(_, pair) {
      const message = keyMistake(pair)
      if (message !== undefined) refuse(pair.key, message)
    },
  })
  return parts.length > 0 ? parts : expandedMistakes(document.contents, targets)
}

function keyMistake({ key }: Pair<unknown, unknown>): string | undefined {
  if (!isScalar(key) || key.value === null || typeof key.value === 'object')
    return 'a key must be a plain name'
  const name = String(key.value)
  if (name === '<<') return 'merge keys (<<) are not read; repeat the keys, or use an alias for a whole value'
  return prototypeNames.has(name) ? `${name} is not allowed as a key` : undefined
}

/** What each alias stands for. The library's own look-up walks the whole document once more for every alias. */
type AliasTargets = ReadonlyMap<Alias, Node | undefined>

function aliasTargets(document: Document.Parsed): AliasTargets {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node | undefined>()
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) targets.set(node, anchors.get(node.source))
      else if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return targets
}

/** Walks the document as its aliases expand it: depth, recursion, and the size that a few nested aliases can reach. */
function expandedMistakes(root: unknown, targets: AliasTargets): RefusedPart[] {
  let nodes = 0
  const open = new Set<unknown>()
  function walk(node: unknown, depth: number): RefusedPart[] {
    const refused = (message: string) => [{ offset: offsetOf(node) ?? 0, message }]
    if (++nodes > maxNodes) return refused('the aliases expand to too much')
    if (depth > maxDepth) return refused(tooDeep)
    const target = isAlias(node) ? targets.get(node) : node
    if (open.has(target)) return refused('the alias refers to what it is part of')
    if (!isMap(target) && !isSeq(target)) return []
    open.add(target)
    for (const item of target.items) {
      const bad = walk(isMap(target) ? (item as Pair).value : item, depth + 1)
      if (bad.length > 0) return bad
    }
    open.delete(target)
    return []
  }
  return walk(root, 0)
}
