import type { RequestHead } from '../domain/request-head.ts'
import type { Extractor } from '../domain/service.ts'
import { cookieValues } from '../lib/cookies.ts'
import { parseForm } from '../lib/form.ts'
import { isObject, parseStrictJson } from '../lib/json.ts'
import { basicUser, readAuthorization } from './authorization.ts'
import { RequestRefused } from './refused.ts'

/** Where an extractor may look: the request, its body when it was read, and the claims of its verified token. */
export interface Presented {
  readonly head: RequestHead
  readonly body?: Uint8Array
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * Reads one value; undefined when it is missing or empty.
 * @throws RequestRefused `client.ambiguous` when there are several, or when it could not be told from another
 * @throws MalformedInput
 */
export type ReadValue = (presented: Presented) => string | undefined

/** Longer values name nothing. */
const longestValue = 1024

/** Makes the reader of one extractor of the settings. */
export function compileExtractor(extractor: Extractor): ReadValue {
  const readAll = readers[extractor.from](extractor.from === 'basic' ? '' : extractor.name)
  return (presented) => onlyValue(readAll(presented))
}

/** Does the extractor look into the request's body? */
export function readsRequestBody(extractor: Extractor): boolean {
  return extractor.from === 'form' || extractor.from === 'json'
}

/** Is the body of a kind that extractors read, so that it has to be held in memory for them? */
export function hasReadableBody(head: RequestHead): boolean {
  return head.hasBody && /(?:\bjson|^application\/x-www-form-urlencoded)$/.test(mediaType(head))
}

type ReadAll = (presented: Presented) => readonly string[]

const readers: Readonly<Record<Extractor['from'], (name: string) => ReadAll>> = {
  header: (name) => {
    const field = name.toLowerCase()
    return ({ head }) => head.fields.all(field)
  },
  query: (name) => (presented) => valuesOf(presented.head.query, name),
  cookie: (name) => (presented) => cookieValues(presented.head.fields.all('cookie'), name),
  form: (name) => (presented) => formValues(presented, name),
  json: (name) => {
    const path = name.split('.')
    return (presented) => jsonValues(presented, path)
  },
  claim: (name) => (presented) => ownText(presented.claims, name),
  certificate: (name) => (presented) => ownText(presented.head.connection.clientCertificate, name),
  basic: () => (presented) => basicValues(presented.head),
}

function onlyValue(values: readonly string[]): string | undefined {
  if (values.length > 1) throw new RequestRefused('client.ambiguous')
  const value = values[0]
  if (value === undefined || value === '') return undefined
  // NUL separates the parts of a client key, so that no value may hold one.
  if (value.length > longestValue || /[\x00-\x1f\x7f]/.test(value))
    throw new RequestRefused('client.ambiguous')
  return value
}

function valuesOf(encoded: string | undefined, name: string): string[] {
  if (encoded === undefined) return []
  return parseForm(encoded)
    .filter(([found]) => found === name)
    .map(([, value]) => value)
}

/**
 * Many servers merge the query into the form, and read multipart bodies as forms too: a name that also stands in the
 * query, or a form that is not read here, would let them see another user than the gateway does.
 */
function formValues({ head, body }: Presented, name: string): string[] {
  const type = mediaType(head)
  if (type === 'multipart/form-data') throw new RequestRefused('client.ambiguous')
  const inQuery = valuesOf(head.query, name)
  if (body === undefined || type !== 'application/x-www-form-urlencoded')
    return inQuery.length > 0 ? twice : []
  if (head.fields.has('content-encoding')) throw new RequestRefused('client.ambiguous')
  return [...valuesOf(Buffer.from(body).toString('latin1'), name), ...(inQuery.length > 0 ? twice : [])]
}

const twice = ['', '']

/** The type of the body, without parameters, in lower case. */
export function mediaType(head: RequestHead): string {
  return (head.fields.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase() // split gives at least one part
}

function jsonValues({ head, body }: Presented, path: readonly string[]): string[] {
  if (body === undefined || !/\bjson$/.test(mediaType(head))) return []
  if (head.fields.has('content-encoding')) throw new RequestRefused('client.ambiguous')
  let value = parseStrictJson(body)
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return asText(value)
}

function ownText(object: object | undefined, name: string): string[] {
  if (object === undefined || !Object.hasOwn(object, name)) return []
  return asText((object as Readonly<Record<string, unknown>>)[name]) // any own member may be looked at
}

function asText(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'number' ? [String(value)] : []
}

function basicValues(head: RequestHead): string[] {
  const authorization = readAuthorization(head)
  if (authorization?.scheme !== 'basic') return []
  const user = basicUser(authorization.credentials)
  if (user === undefined) throw new RequestRefused('client.ambiguous')
  return [user]
}
