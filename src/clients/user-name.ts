import { RequestRefused } from './refused.ts'

const longestName = 256

/**
 * A user's name as the record keeps it: in lower case, without surrounding space. Empty is missing.
 * @throws RequestRefused when it is too long or holds control characters, which no user's name does
 */
export function normalUser(name: string | undefined): string | undefined {
  const trimmed = name?.trim().toLowerCase()
  if (trimmed === undefined || trimmed === '') return undefined
  if (trimmed.length > longestName || /[\x00-\x1f\x7f]/.test(trimmed))
    throw new RequestRefused('client.ambiguous')
  return trimmed
}

/** The account within its domain: `DOMAIN\alice`, `alice@example.com` and `@alice:example.org` are all `alice`. */
export function accountName(user: string): string {
  const account = user.slice(user.lastIndexOf('\\') + 1).toLowerCase()
  if (account.startsWith('@')) return account.slice(1).split(':', 1)[0] as string // split gives at least one part
  const at = account.indexOf('@')
  return at > 0 ? account.slice(0, at) : account
}

/** May these two spellings mean one account? Clients mix `alice`, `DOMAIN\alice` and `alice@example.com`. */
export function sameUser(a: string, b: string): boolean {
  return a === b || accountName(a) === accountName(b)
}
