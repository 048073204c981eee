import type { RequestHead } from '../../domain/request-head.ts'
import { isNavigation } from '../navigation.ts'

/** The requests of the client-server API that matter to a gate; `other` is everything else. */
export type MatrixEndpoint = 'login' | 'refresh' | 'logout' | 'other'

const endpoints: Readonly<Record<string, MatrixEndpoint>> = {
  login: 'login',
  register: 'login',
  refresh: 'refresh',
  logout: 'logout',
  'logout/all': 'logout',
}

/** `POST /_matrix/client/v3/login` and its likes, in every version of the API. */
export function matrixEndpoint(head: RequestHead): MatrixEndpoint {
  if (head.method !== 'POST' || !head.path.startsWith('/_matrix/client/')) return 'other'
  const name = /^\/_matrix\/client\/(?:r\d+|v\d+|unstable|api\/v1)\/([a-z/]{1,20}?)\/?$/.exec(head.path)?.[1]
  return name !== undefined && Object.hasOwn(endpoints, name) ? (endpoints[name] as MatrixEndpoint) : 'other' // an own member
}

/** A leg that a person's browser makes, not the app: signing in at an identity provider, and web pages beside the API. */
export function isBrowserLeg(head: RequestHead): boolean {
  if (!isNavigation(head)) return false
  if (!head.path.startsWith('/_matrix/')) return true
  return /^\/_matrix\/client\/[a-z]{0,12}\d{0,3}\/(?:login\/(?:sso|cas)\/|auth\/)/.test(head.path)
}
