import type { RequestHead } from '../domain/request-head.ts'
import type { Service } from '../domain/service.ts'

/** RFC 6797. One year, without subdomains: those may be other services, with settings of their own. */
const field = ['strict-transport-security', 'max-age=31536000'] as const

/** The field to add to an answer, or nothing: over plain HTTP it has no meaning (RFC 6797, section 7.2). */
export function hstsField(head: RequestHead, service: Service): readonly [string, string] | undefined {
  return service.hsts && head.scheme === 'https' ? field : undefined
}
