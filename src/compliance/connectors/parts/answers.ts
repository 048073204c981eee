import { z } from 'zod'
import { VendorError } from '../connector.ts'
import type { VendorAnswer } from '../vendor-http.ts'

/**
 * The body as the schema has it, for an answer of 2xx.
 * @param what what was asked for, in words for the administrator: `the list of devices`
 * @throws VendorError `credentials` (401), `forbidden` (403), `settings` (404), `protocol` (anything else)
 */
export function readAnswer<Schema extends z.ZodType>(
  answer: VendorAnswer,
  schema: Schema,
  what: string,
): z.output<Schema> {
  refuseFailure(answer, what)
  const { data, error } = schema.safeParse(answer.json())
  if (data !== undefined) return data
  const where = error?.issues[0]?.path.join('.')
  throw new VendorError('protocol', `${what}: not what the vendor documents${where ? ` at ${where}` : ''}`)
}

export function refuseFailure({ status }: VendorAnswer, what: string): void {
  if (status >= 200 && status < 300) return
  if (status === 401)
    throw new VendorError('credentials', `${what}: the vendor refused the credentials (401)`)
  if (status === 403) {
    throw new VendorError('forbidden', `${what}: the account may not read this (403); check its permissions`)
  }
  if (status === 404) throw new VendorError('settings', `${what}: the vendor knows no such address (404)`)
  throw new VendorError('protocol', `${what}: the vendor answered ${status}`)
}

/** A list that has to be there: without it the page is broken, and the sweep must not take it for the last one. */
export const records = z.array(z.unknown())

/** A number of records; undefined when the vendor leaves it out. */
export function total() {
  return z.int().min(0).optional().catch(undefined)
}
