import type { FieldNames } from './field-names.ts'
import { type Refused, refuse } from './refused.ts'

/** The header fields of a request after one pass over them. */
export interface ScannedFields {
  /** Lower case; `values[i]` belongs to `names[i]`. Cookie lines are joined into the first (RFC 9113 8.2.3). */
  readonly names: string[]
  readonly values: string[]
  /** Positions of fields whose names some servers fold into others: they go, unless the service allows them. */
  odd: number[] | undefined
  host: string | undefined
  contentLength: string | undefined
  transferEncoding: string | undefined
  /** All lines joined with commas. */
  connection: string | undefined
  hasUpgrade: boolean
  expectContinue: boolean
  hasVia: boolean
}

export interface FieldRules {
  readonly fieldNames: FieldNames
  /** Bytes of all names and values with their separators. */
  readonly headerSize: number
  readonly headerFields: number
  readonly http2: boolean
}

/** Control bytes but TAB, and characters that are no bytes. */
const badValue = /[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]/

/** @param rawHeaders name, value, name, value, as the client sent them */
export function scanFields(rawHeaders: readonly string[], rules: FieldRules): ScannedFields | Refused {
  if (rawHeaders.length > 2 * rules.headerFields) return refuse('limit.header-size', 'too many fields')
  const scan: ScannedFields = {
    names: [],
    values: [],
    odd: undefined,
    host: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    connection: undefined,
    hasUpgrade: false,
    expectContinue: false,
    hasVia: false,
  }
  let seen = 0
  let size = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    size += raw.length + value.length + 4
    const field = rules.fieldNames.lookUp(raw)
    if (field === undefined) return refuse('http.field-name', 'a name that is no token')
    if (badValue.test(value)) return refuse('http.field-value', `a control byte in ${field.name}`)
    if ((seen & field.bit) !== 0) return refuse('http.field-repeated', `${field.name} stands twice`)
    seen |= field.bit
    if (field.kind !== 'ordinary') {
      const refused =
        note(scan, field.kind, value) ?? (rules.http2 ? checkHttp2(raw, field.kind, value) : undefined)
      if (refused !== undefined) return refused
      if (field.kind === 'cookie' && joinCookie(scan, value)) continue
    } else if (rules.http2 && raw !== field.name) return refuse('http.field-name', 'upper case in HTTP/2')
    scan.names.push(field.name)
    scan.values.push(value)
  }
  return size > rules.headerSize ? refuse('limit.header-size', 'the fields are too long') : scan
}

/** Removes the odd fields that the service does not allow by name. */
export function dropOddFields(scan: ScannedFields, allowed: readonly string[]): void {
  for (const index of (scan.odd ?? []).toReversed()) {
    if (allowed.includes(scan.names[index] as string)) continue
    scan.names.splice(index, 1)
    scan.values.splice(index, 1)
  }
}

/** Removes the fields that Connection names: whoever reads the request sees what the upstream will see of it. */
export function dropNamedFields(scan: ScannedFields, named: readonly string[]): void {
  for (let i = scan.names.length - 1; i >= 0; i--) {
    if (!named.includes(scan.names[i] as string)) continue
    scan.names.splice(i, 1)
    scan.values.splice(i, 1)
  }
}

function note(scan: ScannedFields, kind: string, value: string): Refused | undefined {
  switch (kind) {
    case 'host':
      scan.host = value
      return undefined
    case 'content-length':
      scan.contentLength = value
      return undefined
    case 'transfer-encoding':
      scan.transferEncoding = value
      return undefined
    case 'connection':
      scan.connection = scan.connection === undefined ? value : `${scan.connection},${value}`
      return undefined
    case 'upgrade':
      scan.hasUpgrade = true
      return undefined
    case 'expect':
      scan.expectContinue = true
      return value.toLowerCase() === '100-continue' ? undefined : refuse('http.expect', 'not 100-continue')
    case 'via':
      scan.hasVia = true
      return undefined
    case 'odd':
      scan.odd ??= []
      scan.odd.push(scan.names.length)
      return undefined
    default:
      return undefined
  }
}

/** RFC 9113 8.2.2: fields of one HTTP/1 connection make an HTTP/2 message malformed; they are not just dropped. */
function checkHttp2(raw: string, kind: string, value: string): Refused | undefined {
  if (raw !== raw.toLowerCase()) return refuse('http.field-name', 'upper case in HTTP/2')
  if (kind === 'te') {
    return value.toLowerCase() === 'trailers' ? undefined : refuse('http.connection', 'TE in HTTP/2')
  }
  const ofOneHop =
    kind === 'connection' || kind === 'transfer-encoding' || kind === 'upgrade' || kind === 'hop'
  return ofOneHop ? refuse('http.connection', 'a field of HTTP/1 connections in HTTP/2') : undefined
}

function joinCookie(scan: ScannedFields, value: string): boolean {
  const first = scan.names.indexOf('cookie')
  if (first < 0) return false
  scan.values[first] = `${scan.values[first]}; ${value}`
  return true
}
