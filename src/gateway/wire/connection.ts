import { type Refused, refuse } from './refused.ts'

/** What the Connection fields of a request say about it. */
export interface ConnectionOptions {
  readonly close: boolean
  readonly keepAlive: boolean
  readonly upgrade: boolean
  /** The fields that end with this hop, in lower case. */
  readonly named?: readonly string[]
}

const none: ConnectionOptions = { close: false, keepAlive: false, upgrade: false }
const close: ConnectionOptions = { close: true, keepAlive: false, upgrade: false }
const keepAlive: ConnectionOptions = { close: false, keepAlive: true, upgrade: false }

/** Naming one of these would make the next hop drop what the decision rests on. */
const endToEnd = new Set([
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'forwarded',
  'host',
  'origin',
  'transfer-encoding',
])

/** @param value all Connection lines joined with commas */
export function parseConnection(value: string | undefined): ConnectionOptions | Refused {
  if (value === undefined) return none
  if (value === 'keep-alive' || value === 'Keep-Alive') return keepAlive
  if (value === 'close') return close
  return parseOptions(value.toLowerCase())
}

function parseOptions(value: string): ConnectionOptions | Refused {
  const options = { close: false, keepAlive: false, upgrade: false }
  const named: string[] = []
  for (const part of value.split(',')) {
    const option = part.trim()
    if (option === '') continue
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(option))
      return refuse('http.connection', 'an option is no token')
    if (isEndToEnd(option)) return refuse('http.connection', `Connection names ${option}`)
    if (option === 'close') options.close = true
    else if (option === 'keep-alive') options.keepAlive = true
    else if (option === 'upgrade') options.upgrade = true
    else named.push(option)
  }
  return named.length === 0 ? options : { ...options, named }
}

function isEndToEnd(option: string): boolean {
  const folded = option.replaceAll(/[^a-z0-9]+/g, '-')
  return (
    endToEnd.has(folded) ||
    folded.startsWith('gatehouse-') ||
    folded.startsWith('x-gatehouse-') ||
    folded.startsWith('x-forwarded-')
  )
}
