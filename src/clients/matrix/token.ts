import type { RequestHead } from '../../domain/request-head.ts'
import { parseForm } from '../../lib/form.ts'
import { bearerToken } from '../authorization.ts'
import { RequestRefused } from '../refused.ts'

/**
 * The access token of a request: in Authorization, or in the query as older clients still send it.
 * @throws RequestRefused when there are several: which one a server takes is its own affair
 * @throws MalformedInput
 */
export function accessToken(head: RequestHead): string | undefined {
  const tokens = queryTokens(head.query)
  const shown = bearerToken(head)
  if (shown !== undefined) tokens.push(shown)
  if (tokens.length > 1) throw new RequestRefused('client.ambiguous')
  return isToken(tokens[0]) ? tokens[0] : undefined
}

/** Percent-encoding could hide the name. */
function queryTokens(query: string | undefined): string[] {
  if (query === undefined || !(query.includes('access_token') || query.includes('%'))) return []
  return parseForm(query)
    .filter(([name]) => name === 'access_token')
    .map(([, value]) => value)
}

/** Visible ASCII: also keeps NUL out of client keys. */
export function isToken(value: string | undefined): value is string {
  return value !== undefined && value.length <= 16_384 && /^[\x21-\x7e]+$/.test(value)
}
