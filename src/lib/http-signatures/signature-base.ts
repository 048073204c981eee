import { SignatureProblem } from './problem.ts'
import type { MessageSignature } from './signature.ts'
import { serialiseInnerList } from './structured-fields.ts'

/** What a signature may cover: a request, or a response (`status`). */
export interface HttpMessage {
  readonly method?: string
  readonly scheme?: 'http' | 'https'
  /** The authority as it was sent, perhaps with a port. */
  readonly authority?: string
  /** Origin-form. */
  readonly target?: string
  readonly status?: number
  /** Every value of a field (name in lower case), in their order; empty where there is none. */
  readonly field: (name: string) => readonly string[]
}

/**
 * The signature base (RFC 9421, 2.5): one line for each component, and the parameters of the signature as the last.
 * @throws SignatureProblem when a component is unknown, or the message does not have it
 */
export function signatureBase(
  { components, input }: Pick<MessageSignature, 'components' | 'input'>,
  message: HttpMessage,
): string {
  const lines = components.map((name) => `"${name}": ${componentValue(name, message)}\n`)
  return `${lines.join('')}"@signature-params": ${serialiseInnerList(input)}`
}

function componentValue(name: string, message: HttpMessage): string {
  const value = name.startsWith('@') ? derived(name, message) : fieldValue(name, message)
  if (value === undefined) throw new SignatureProblem('component', 'a component is missing or unknown')
  // A line break within a value would forge the lines that follow (RFC 9421, 7.5.4).
  if (!/^[\x20-\x7e]*$/.test(value))
    throw new SignatureProblem('component', 'a component holds other than ASCII')
  return value
}

/** Obsolete line folds cannot come here: the parser at the edge refuses them. */
function fieldValue(name: string, { field }: HttpMessage): string | undefined {
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return undefined
  const values = field(name)
  return values.length === 0 ? undefined : values.map(trimmed).join(', ')
}

function trimmed(value: string): string {
  return value.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')
}

/** RFC 9421, 2.2. `@request-target` and `@query-param` are left out: what they say, the others say without ambiguity. */
function derived(name: string, message: HttpMessage): string | undefined {
  const { method, scheme, target, status } = message
  switch (name) {
    case '@method':
      return method
    case '@authority':
      return authorityOf(message)
    case '@scheme':
      return scheme
    case '@target-uri': {
      const authority = authorityOf(message)
      return scheme && authority && target && `${scheme}://${authority}${target}`
    }
    case '@path':
      return target && splitTarget(target).path
    case '@query':
      return target && splitTarget(target).query
    case '@status':
      return status === undefined ? undefined : String(status)
    default:
      return undefined
  }
}

/** In lower case, without the scheme's own port (RFC 9421, 2.2.3). */
function authorityOf({ scheme, authority }: HttpMessage): string | undefined {
  const port = scheme === 'https' ? ':443' : ':80'
  const lower = authority?.toLowerCase()
  return scheme !== undefined && lower?.endsWith(port) ? lower.slice(0, -port.length) : lower
}

/** A query that is not there is `?`, as an empty one is (RFC 9421, 2.2.7). */
function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const question = target.indexOf('?')
  return question < 0
    ? { path: target, query: '?' }
    : { path: target.slice(0, question) || '/', query: target.slice(question) }
}
