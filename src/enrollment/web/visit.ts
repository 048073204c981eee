import type { X509Certificate } from 'node:crypto'
import { type FormPair, parseForm } from '../../lib/form.ts'
import { MalformedInput } from '../../lib/malformed-input.ts'
import { EnrollmentRefused } from '../refusals.ts'

/** One request to the enrollment listener: nothing behind the listener sees the HTTP engine's own objects. */
export interface Visit {
  /** The reference that a page shows and the log holds. */
  readonly id: string
  /** When it came, milliseconds since the epoch. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** The first value of a field, by its name in lower case. */
  header(name: string): string | undefined
  readonly cookies: readonly string[]
  readonly body: Buffer
  /** The client's address. */
  readonly source: string
  /** The certificate that the client has proved in TLS; nobody has looked at who issued it. */
  readonly certificate?: X509Certificate
}

/** @throws EnrollmentRefused for a query that is not well-formed */
export function queryOf({ query }: Visit): ReadonlyMap<string, string> {
  return fieldsOf(query)
}

/** The fields of a submitted form. @throws EnrollmentRefused */
export function formOf({ body, header }: Visit): ReadonlyMap<string, string> {
  const type = header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') throw new EnrollmentRefused('request.malformed')
  return fieldsOf(body.toString('latin1'))
}

/** A field that comes twice could be read in two ways. */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  const pairs = readPairs(text)
  const fields = new Map(pairs)
  if (fields.size !== pairs.length) throw new EnrollmentRefused('request.malformed')
  return fields
}

function readPairs(text: string): FormPair[] {
  try {
    return parseForm(text)
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error
    throw new EnrollmentRefused('request.malformed', { cause: error })
  }
}
