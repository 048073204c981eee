import type { Random } from '../../lib/random.ts'
import { EnrollmentRefused } from '../refusals.ts'
import type { Cookies } from './cookies.ts'
import { html, type Markup } from './document.ts'
import { formOf, type Visit } from './visit.ts'

/** Seconds: long enough to fetch a code that is in another room. */
const visitLife = 3600

/** A browser with a page of ours open, signed in or not: forms are tied to it. */
export interface Visitor {
  /** For a form: the hidden field. */
  readonly field: Markup
  readonly headers: readonly (readonly [string, string])[]
}

export interface FormParts {
  readonly cookies: Cookies
  readonly random: Random
  readonly publicUrl: string
}

/** The visitor that this browser is, or a new one. */
export async function visitorOf(visit: Visit, { cookies, random }: FormParts): Promise<Visitor> {
  const known = (await cookies.read('visit', visit))?.sub
  const visitor = typeof known === 'string' ? known : random.secret()
  const cookie = await cookies.set('visit', { sub: visitor }, { at: visit.at, seconds: visitLife })
  return {
    field: html`<input type="hidden" name="form" value="${cookies.formToken(visitor)}">`,
    headers: [cookie],
  }
}

/**
 * The fields of a form of ours that this very browser was given. Another site can make a browser send a form, but
 * neither reads the token nor names our origin.
 * @throws EnrollmentRefused
 */
export async function submitted(
  visit: Visit,
  { cookies, publicUrl }: FormParts,
): Promise<ReadonlyMap<string, string>> {
  const origin = visit.header('origin')
  if (origin !== undefined && origin !== publicUrl) throw new EnrollmentRefused('sign-in.form-expired')
  const site = visit.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') throw new EnrollmentRefused('sign-in.form-expired')
  const fields = formOf(visit)
  const visitor = (await cookies.read('visit', visit))?.sub
  const token = fields.get('form') ?? ''
  if (typeof visitor !== 'string' || !cookies.isFormToken(token, visitor))
    throw new EnrollmentRefused('sign-in.form-expired')
  return fields
}
